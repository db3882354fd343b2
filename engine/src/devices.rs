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

impl std::fmt::Display for Device {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Device::Cpu => out.write_str("cpu"),
            Device::Cuda(index) => write!(out, "cuda:{index}"),
            Device::Metal => out.write_str("metal"),
        }
    }
}

/// A list of devices that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("devices `{list}`, character {place}: {why}")]
pub struct DeviceError {
    pub list: String,
    /// Counted from 1.
    pub place: usize,
    pub why: String,
}

/// Beyond this only threads and memory run out.
const MOST_SLOTS: usize = 256;

/// Cores this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What computes here, as far as the last bits of a result depend on it: the CPU's name, and what tells CPUs of one name apart. Empty where the system does not say.
pub fn cpu() -> String {
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |key: &str| {
        about.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.trim() == key)).map(|(_, value)| value.trim())
    };
    let name = of("model name").map(str::to_owned).or_else(|| {
        let kinds = sysinfo::RefreshKind::nothing().with_cpu(sysinfo::CpuRefreshKind::nothing());
        sysinfo::System::new_with_specifics(kinds).cpus().first().map(|cpu| cpu.brand().trim().to_owned())
    });
    let parts = [("family", of("cpu family")), ("model", of("model")), ("stepping", of("stepping"))];
    let parts = parts.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    // Virtual machines hide what their CPU can do behind the same name.
    #[cfg(target_arch = "x86_64")]
    let parts = parts.chain(
        [("AVX-512", is_x86_feature_detected!("avx512f")), ("AVX2", is_x86_feature_detected!("avx2"))]
            .into_iter()
            .filter(|(_, can)| *can)
            .map(|(name, _)| name.to_owned()),
    );
    let parts: Vec<String> = parts.collect();
    match name.filter(|name| !name.is_empty()) {
        Some(name) if parts.is_empty() => name,
        Some(name) => format!("{name} ({})", parts.join(", ")),
        None => String::new(),
    }
}

/// Bytes of memory this process may use, where the system tells.
pub fn memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map(|limits| limits.total_memory);
    [Some(system.total_memory()), limit].into_iter().flatten().filter(|bytes| *bytes > 0).min()
}

/// The most memory this process has had, in bytes, where the system tells.
pub fn peak_memory() -> Option<u64> {
    of_this_process("VmHWM:")
}

/// Bytes that a line of `/proc/self/status` gives.
fn of_this_process(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|other| other.strip_prefix(line))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

impl DeviceSlots {
    /// Bytes that each slot can have at most, beside what this process has now, which its trials share: what others have may be theirs for a while only. `accelerator` is what
    /// an accelerator has beside that. `None` where it is not known.
    pub fn room(&self, accelerator: Option<u64>) -> Option<u64> {
        let left = match self.device {
            Device::Cpu => memory()?.saturating_sub(of_this_process("VmRSS:")?),
            Device::Cuda(_) | Device::Metal => accelerator?,
        };
        Some(left / self.slots.max(1) as u64)
    }

    /// The processor with `slots` slots, which share `cores` evenly.
    pub fn cpu(slots: usize, cores: usize) -> DeviceSlots {
        let slots = slots.max(1);
        DeviceSlots { device: Device::Cpu, slots, threads: (cores / slots).max(1) }
    }
}

/// What a list of devices means on a machine of `cores` cores, for a program with these `kinds` of accelerator compiled in (`cuda`, `metal`).
///
/// `cpu` has a slot a core, `cpu:N` has N slots that share the cores; `cuda:N` is the GPU number N and `metal` the only one, with a slot each.
pub fn parse_devices(list: &str, cores: usize, kinds: &[&str]) -> Result<Vec<DeviceSlots>, DeviceError> {
    let mut devices: Vec<DeviceSlots> = Vec::new();
    let mut place = 1;
    for item in list.split(',') {
        let error = |why: String| DeviceError { list: list.to_owned(), place, why };
        let found = parse_device(item.trim(), cores, kinds).map_err(error)?;
        if devices.iter().any(|d| d.device == found.device) {
            return Err(error(format!("`{}` stands there twice: name each device once, as in `cpu:2`", found.device)));
        }
        devices.push(found);
        place += item.chars().count() + 1;
    }
    Ok(devices)
}

fn parse_device(item: &str, cores: usize, kinds: &[&str]) -> Result<DeviceSlots, String> {
    let (kind, number) = match item.split_once(':') {
        Some((kind, text)) => {
            (kind, Some(text.parse::<usize>().map_err(|_| format!("`{text}` is not a number: write `{kind}:1`, for instance"))?))
        }
        None => (item, None),
    };
    let device = match (kind, number) {
        ("cpu", None) => return Ok(DeviceSlots::cpu(cores, cores)),
        ("cpu", Some(0)) => return Err("no slots: write `cpu:1` or more".to_owned()),
        ("cpu", Some(slots)) if slots > MOST_SLOTS => {
            return Err(format!("{slots} slots are too many: at most {MOST_SLOTS} trials run at a time; this machine has {cores} cores"));
        }
        ("cpu", Some(slots)) => return Ok(DeviceSlots::cpu(slots, cores)),
        ("cuda", number) => Device::Cuda(number.unwrap_or(0)),
        ("metal", None) => Device::Metal,
        ("metal", Some(_)) => return Err("there is one metal device: write `metal`".to_owned()),
        ("", None) => return Err("nothing stands there: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between".to_owned()),
        _ => return Err(format!("`{item}` is not a device: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between")),
    };
    if !kinds.contains(&kind) {
        return Err(format!("this program was built without {kind}: build it with `--features {kind}`, or use `cpu`"));
    }
    Ok(DeviceSlots { device, slots: 1, threads: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Vec<(String, usize, usize)> {
        let devices = parse_devices(list, 8, &["cuda"]).unwrap();
        devices.into_iter().map(|d| (d.device.to_string(), d.slots, d.threads)).collect()
    }

    fn error(list: &str) -> String {
        parse_devices(list, 8, &["cuda"]).unwrap_err().to_string()
    }

    #[test]
    fn slots_of_an_accelerator_share_its_memory() {
        let gpu = DeviceSlots { device: Device::Cuda(0), slots: 2, threads: 1 };
        assert_eq!((gpu.room(Some(10)), gpu.room(None)), (Some(5), None));
    }

    #[test]
    fn slots_share_the_cores() {
        assert_eq!(read("cpu"), [("cpu".into(), 8, 1)]);
        assert_eq!(read("cpu:1"), [("cpu".into(), 1, 8)]);
        assert_eq!(read("cpu:3"), [("cpu".into(), 3, 2)]);
        assert_eq!(read("cpu:20"), [("cpu".into(), 20, 1)]);
        assert_eq!(read("cpu:2, cuda:0,cuda:1"), [("cpu".into(), 2, 4), ("cuda:0".into(), 1, 1), ("cuda:1".into(), 1, 1)]);
    }

    #[test]
    fn mistakes_say_where_and_what_to_write() {
        insta::assert_snapshot!(error("cpu:2,gpu:0"), @"devices `cpu:2,gpu:0`, character 7: `gpu:0` is not a device: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between");
        insta::assert_snapshot!(error("cpu:x"), @"devices `cpu:x`, character 1: `x` is not a number: write `cpu:1`, for instance");
        insta::assert_snapshot!(error("cpu:0"), @"devices `cpu:0`, character 1: no slots: write `cpu:1` or more");
        insta::assert_snapshot!(error("cpu:99999"), @"devices `cpu:99999`, character 1: 99999 slots are too many: at most 256 trials run at a time; this machine has 8 cores");
        insta::assert_snapshot!(error("metal"), @"devices `metal`, character 1: this program was built without metal: build it with `--features metal`, or use `cpu`");
        insta::assert_snapshot!(error("cuda:0,cuda"), @"devices `cuda:0,cuda`, character 8: `cuda:0` stands there twice: name each device once, as in `cpu:2`");
        insta::assert_snapshot!(error(""), @"devices ``, character 1: nothing stands there: write `cpu`, `cpu:2`, `cuda:0` or `metal`, with commas between");
    }
}
