"""The commands, a file each; what they share stands beside this folder."""
