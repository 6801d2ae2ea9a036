//! Scripts of representative plans.
