"""Pure guards shared by endpoints and grants: one rule a file, no port, no clock."""
