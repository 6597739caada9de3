//! Shared parts of the tests over the whole house.
