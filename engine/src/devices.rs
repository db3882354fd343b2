//! Devices and slots: `cpu:2,cuda:0`.

use serde::{Deserialize, Serialize};

/// A device of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Device {
    Cpu,
    Cuda(usize),
    Metal,
}

/// A device and how many trials run on it at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSlots {
    pub device: Device,
    /// At least 1.
    pub slots: usize,
    /// Threads each slot computes with; at least 1.
    pub threads: usize,
}
