//! Which device computes: how a person writes it, which ones this build and this machine have, and opening one.
//!
//! Not here: who chooses, and what is computed.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// What training and encoding are made of. The CPU has a fused kernel of ours for each; on other devices all of them are made of candle's
/// operations.
pub const OPERATIONS: [&str; 14] = [
    "gather",
    "linear",
    "attention",
    "rotary",
    "activation",
    "gated",
    "add_norm",
    "add",
    "beside",
    "scale",
    "dropout",
    "pool",
    "normalize",
    "adamw",
];

/// A device as a person asks for it: `auto`, `cpu`, `cuda:0`, `metal`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first CUDA device, else Metal, else the CPU.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA card, counted from 0.
    Cuda(usize),
    /// The graphics processor of a Mac.
    Metal,
}

/// A device that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// How it is asked for; never [`DeviceChoice::Auto`].
    pub id: DeviceChoice,
    /// What its maker calls it: "NVIDIA H100 80GB HBM3".
    pub name: String,
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// A word that names no device.
    #[error("{0:?} names no device: auto, cpu, cuda, cuda:N (a number from 0) and metal are possible")]
    Unknown(String),
    /// Left out when the program was compiled.
    #[error("this build has no {kind}; build with --features {feature}, or use --device cpu")]
    NotBuilt {
        /// "CUDA".
        kind: &'static str,
        /// The feature that brings it.
        feature: &'static str,
    },
    /// Not in this machine.
    #[error("no such device {asked}; this machine has {there}")]
    Missing {
        /// What was asked for.
        asked: DeviceChoice,
        /// The devices there are, with a driver's complaint if it has one.
        there: String,
    },
    /// There, but it refuses to work.
    #[error("{device} does not compute: {reason}")]
    Broken {
        /// The device with its name.
        device: String,
        /// What the driver said.
        reason: String,
    },
}

impl DeviceChoice {
    /// The device this means on this machine, without opening it.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] and [`DeviceError::Missing`].
    pub fn resolve(self) -> Result<DeviceInfo, DeviceError> {
        let (kind, feature, built) = match self {
            DeviceChoice::Cpu => return Ok(cpu()),
            DeviceChoice::Cuda(_) => ("CUDA", "cuda", cfg!(feature = "cuda")),
            DeviceChoice::Metal => ("Metal", "metal", cfg!(feature = "metal")),
            DeviceChoice::Auto => ("", "", true),
        };
        if !built {
            return Err(DeviceError::NotBuilt { kind, feature });
        }
        let found = accelerators();
        let complaint = found.as_ref().err().cloned();
        let mut devices = found.unwrap_or_default();
        devices.push(cpu());
        let wanted = devices
            .iter()
            .find(|device| self == DeviceChoice::Auto || device.id == self);
        wanted.cloned().ok_or_else(|| DeviceError::Missing {
            asked: self,
            there: devices
                .iter()
                .map(ToString::to_string)
                .chain(complaint.map(|complaint| format!("and {complaint}")))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Opens the device. Each call gives a device of its own, with its own stream of random numbers; tensors of two of them do not mix.
    /// Call it on the thread that will compute.
    ///
    /// # Errors
    /// Those of [`DeviceChoice::resolve`], and [`DeviceError::Broken`] where a first small sum does not come out.
    pub fn open(self) -> Result<Device, DeviceError> {
        let info = self.resolve()?;
        let opened = match info.id {
            DeviceChoice::Cuda(ordinal) => Device::new_cuda(ordinal),
            DeviceChoice::Metal => Device::new_metal(0),
            DeviceChoice::Cpu | DeviceChoice::Auto => return Ok(Device::Cpu),
        };
        let broken = |reason: String| DeviceError::Broken {
            device: info.to_string(),
            reason,
        };
        let device = opened.map_err(|error| broken(error.to_string()))?;
        match first_sum(&device) {
            Ok(sum) if sum == [3.0] => Ok(device),
            Ok(sum) => Err(broken(format!("1 + 2 gives {sum:?}"))),
            // Kernels come as code for one generation of cards and newer ones.
            Err(error) => Err(broken(format!(
                "{error}; a card older than the build needs one with CUDA_COMPUTE_CAP set to its compute capability"
            ))),
        }
    }

    /// For a short label: "CPU", "CUDA 0", "Metal", "Automatic".
    pub fn title(self) -> String {
        match self {
            DeviceChoice::Auto => "Automatic".to_owned(),
            DeviceChoice::Cpu => "CPU".to_owned(),
            DeviceChoice::Cuda(ordinal) => format!("CUDA {ordinal}"),
            DeviceChoice::Metal => "Metal".to_owned(),
        }
    }
}

fn first_sum(device: &Device) -> candle_core::Result<Vec<f32>> {
    (Tensor::ones(1, DType::F32, device)? + 2.0)?.to_vec1()
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
            DeviceChoice::Metal => f.write_str("metal"),
        }
    }
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.name)
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(written: &str) -> Result<Self, DeviceError> {
        let word = written.trim().to_ascii_lowercase();
        let unknown = || DeviceError::Unknown(written.to_owned());
        match word.as_str() {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            "metal" => Ok(DeviceChoice::Metal),
            other => {
                let ordinal = other.strip_prefix("cuda:").ok_or_else(unknown)?;
                let digits = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
                let ordinal: u16 = digits.then(|| ordinal.parse().ok()).flatten().ok_or_else(unknown)?;
                Ok(DeviceChoice::Cuda(usize::from(ordinal)))
            }
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The devices of this build and this machine, the one that `auto` takes first, the CPU last.
pub fn available() -> Vec<DeviceInfo> {
    let mut devices = accelerators().unwrap_or_default();
    devices.push(cpu());
    devices
}

/// What a driver of this build complains of; its devices are then left out of [`available`].
pub fn complaint() -> Option<String> {
    accelerators().err()
}

/// Devices beside the CPU; a driver that does not answer is an error in its own words.
fn accelerators() -> Result<Vec<DeviceInfo>, String> {
    Ok([cuda()?, metal()].concat())
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<Vec<DeviceInfo>, String> {
    Ok(Vec::new())
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<Vec<DeviceInfo>, String> {
    use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, result::device};
    let complaint = |error: DriverError| match error.error_string() {
        Ok(said) => format!("the CUDA driver says: {}", said.to_string_lossy()),
        Err(_) => format!("the CUDA driver says: {error:?}"),
    };
    let name = |ordinal: i32| device::get_name(device::get(ordinal)?);
    (0..CudaContext::device_count().map_err(complaint)?)
        .map(|ordinal| {
            Ok(DeviceInfo {
                id: DeviceChoice::Cuda(ordinal as usize),
                name: name(ordinal).map_err(complaint)?,
            })
        })
        .collect()
}

#[cfg(not(feature = "metal"))]
fn metal() -> Vec<DeviceInfo> {
    Vec::new()
}

#[cfg(feature = "metal")]
fn metal() -> Vec<DeviceInfo> {
    let name = || -> candle_core::Result<String> {
        let device = Device::new_metal(0)?;
        Ok(device.as_metal_device()?.metal_device().architecture_name())
    };
    // candle takes the first of a list of devices without a look at its length.
    let named = std::panic::catch_unwind(name).ok().and_then(Result::ok);
    let info = |name| DeviceInfo {
        id: DeviceChoice::Metal,
        name,
    };
    named.map(info).into_iter().collect()
}

fn cpu() -> DeviceInfo {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = told
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    DeviceInfo {
        id: DeviceChoice::Cpu,
        name: named.map_or_else(
            || format!("{} processor", std::env::consts::ARCH),
            |(_, name)| name.trim().to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_meant() {
        for (written, choice, shown) in [
            ("auto", DeviceChoice::Auto, "auto"),
            (" CPU ", DeviceChoice::Cpu, "cpu"),
            ("cuda", DeviceChoice::Cuda(0), "cuda:0"),
            ("cuda:0", DeviceChoice::Cuda(0), "cuda:0"),
            ("Cuda:12", DeviceChoice::Cuda(12), "cuda:12"),
            ("metal", DeviceChoice::Metal, "metal"),
        ] {
            assert_eq!(written.parse(), Ok(choice), "{written}");
            assert_eq!(choice.to_string(), shown);
            assert_eq!(shown.parse(), Ok(choice));
        }
        for wrong in [
            "",
            "gpu",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:1.5",
            "cuda:70000",
            "cuda 1",
            "metal:0",
        ] {
            let error = wrong.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown(wrong.to_owned()));
            assert!(error.to_string().contains("cuda:N"));
        }
    }

    #[test]
    fn json_holds_what_a_person_writes() {
        let json = serde_json::to_string(&DeviceChoice::Cuda(1)).unwrap();
        assert_eq!(json, "\"cuda:1\"");
        assert_eq!(
            serde_json::from_str::<DeviceChoice>(&json).unwrap(),
            DeviceChoice::Cuda(1)
        );
        assert!(serde_json::from_str::<DeviceChoice>("\"vulkan\"").is_err());
    }

    #[test]
    fn the_operations_are_those_of_encoders_and_the_optimiser() {
        let source = include_str!("ops/mod.rs");
        let (_, from_trait) = source.split_once("pub trait Ops {").unwrap();
        let (body, _) = from_trait.split_once("\n}").unwrap();
        let names = body.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
        let mut named: Vec<&str> = names.filter_map(|name| name.split('(').next()).collect();
        named.push("adamw");
        assert_eq!(named, OPERATIONS);
    }

    #[test]
    fn the_cpu_is_always_there_and_auto_is_the_first() {
        let devices = available();
        let last = devices.last().unwrap();
        assert!(last.id == DeviceChoice::Cpu && !last.name.is_empty());
        assert!(devices.iter().all(|device| device.id != DeviceChoice::Auto));
        assert_eq!(DeviceChoice::Auto.resolve().unwrap(), devices[0]);
        assert!(DeviceChoice::Cpu.open().unwrap().is_cpu());
    }

    #[test]
    fn what_is_not_there_says_what_would_help() {
        let error = DeviceChoice::Cuda(9_999).open().unwrap_err().to_string();
        if cfg!(feature = "cuda") {
            assert!(
                error.contains("no such device cuda:9999") && error.contains("cpu ("),
                "{error}"
            );
        } else {
            assert!(
                error.contains("no CUDA") && error.contains("--features cuda"),
                "{error}"
            );
        }
        if !cfg!(feature = "metal") {
            let error = DeviceChoice::Metal.resolve().unwrap_err().to_string();
            assert!(
                error.contains("no Metal") && error.contains("--features metal"),
                "{error}"
            );
        }
    }
}
