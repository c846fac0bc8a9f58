//! What the tiny PID 1 and the host share, without `std` and without allocation.

#![no_std]

pub mod handoff;
