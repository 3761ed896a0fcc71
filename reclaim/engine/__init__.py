"""The engine: binds a policy and a strategy to the machine and drives it through a trace."""
