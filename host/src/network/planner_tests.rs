//! The planner without a kernel: current state, desired state, expected steps, as files; and against a simulated kernel.

mod cases;
mod simulated;
