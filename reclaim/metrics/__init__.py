"""What is made of counters: derived ratios, modelled time, warnings, the memory a run will take."""
