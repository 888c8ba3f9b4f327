"""The best linear analog code for a known covariance (Lee and Petersen 1976)."""
