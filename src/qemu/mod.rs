//! QEMU: which firmware and accelerator to use, the machine as a value, and the machine running.
//!
//! [`Machine`] is the plan and turns into an argument list purely; [`Vm`] is the act. What the
//! guest says is handed on as timed bytes: reading it is another module's work.

pub mod accel;
pub mod accel_probe;
pub mod device;
pub mod firmware;
pub mod machine;
pub mod qmp;
pub mod run_folder;
pub mod vm;

mod descriptor;
mod guard;
mod serial;

pub use accel::Accel;
pub use accel_probe::AccelProbe;
pub use device::Disk;
pub use firmware::Firmware;
pub use machine::Machine;
pub use vm::{Event, Vm};
