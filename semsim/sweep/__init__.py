"""Link scenarios: systems × channels × rates × SNRs, beside what theory allows."""
