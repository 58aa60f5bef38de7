"""The service on one machine: `chorus up`, workers, the bridge, and jobs run to their end."""
