"""Sources. They are created with their first flow and deleted with their last one."""
