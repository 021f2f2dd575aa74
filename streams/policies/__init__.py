"""What the shop stands for, in files with their tests inside: the standard policy, its loader and its test runner."""
