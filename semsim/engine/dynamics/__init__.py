"""A cell in time: users who move, ask for images, come and go; a sender whose energy runs out."""
