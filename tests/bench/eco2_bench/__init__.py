"""The operator measured beside kro and beside bare writes: `make bench`."""
