"""The simulated machine: its arrays, and the only kernels that may change them."""
