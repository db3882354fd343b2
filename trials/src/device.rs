//! From the engine's name of a device to candle's handle on it.

/// An opened device.
pub use candle_core::Device as Handle;
use engine::devices::Device;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("{device} needs a build with the cargo feature `{feature}` (cargo build --release --features {feature}), or use --devices cpu")]
    NotBuilt { device: String, feature: &'static str },
    #[error("{device} cannot be opened: {cause}; list what is there with `nvidia-smi`, or use --devices cpu")]
    Cuda { device: String, cause: String },
    #[error("the Metal device cannot be opened: {cause}; use --devices cpu")]
    Metal { cause: String },
}

/// Opens `device`.
pub fn open(device: Device) -> Result<Handle, DeviceError> {
    match device {
        Device::Cpu => Ok(Handle::Cpu),
        Device::Cuda(index) => {
            let name = format!("cuda:{index}");
            if !cfg!(feature = "cuda") {
                return Err(DeviceError::NotBuilt { device: name, feature: "cuda" });
            }
            Handle::new_cuda(index).map_err(|e| DeviceError::Cuda { device: name, cause: first_line(&e) })
        }
        Device::Metal => {
            if !cfg!(feature = "metal") {
                return Err(DeviceError::NotBuilt { device: "metal".into(), feature: "metal" });
            }
            Handle::new_metal(0).map_err(|e| DeviceError::Metal { cause: first_line(&e) })
        }
    }
}

/// Memory of an accelerator, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What no process holds now.
    pub free: u64,
    pub total: u64,
}

/// Where the accelerator tells: NVIDIA's do.
pub fn memory(device: &Handle) -> Option<Memory> {
    match device {
        #[cfg(feature = "cuda")]
        Handle::Cuda(device) => {
            let (free, total) = device.cuda_stream().context().mem_get_info().ok()?;
            Some(Memory { free: free as u64, total: total as u64 })
        }
        _ => None,
    }
}

/// candle's errors may end in a backtrace.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_always_there() {
        assert!(open(Device::Cpu).is_ok());
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_device_this_build_lacks_is_named_with_the_way_out() {
        insta::assert_snapshot!(
            open(Device::Cuda(1)).unwrap_err(),
            @"cuda:1 needs a build with the cargo feature `cuda` (cargo build --release --features cuda), or use --devices cpu"
        );
    }
}
