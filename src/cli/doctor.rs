//! `handful doctor`: what this machine offers and what is missing.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Output, check_device};
use crate::app::{App, n_cores};
use crate::jobs::models::DEFAULT_ENCODER;
use crate::model::DeviceChoice;
use crate::model::device::{self, OPERATIONS};

#[derive(Debug, Args)]
pub struct Doctor {
    /// Train a tiny encoder on the CPU and on this device (otherwise the one that --device names) and compare the losses
    #[arg(long, value_name = "DEVICE", num_args = 0..=1)]
    check_device: Option<Option<DeviceChoice>>,
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    window: bool,
    devices: Vec<Device>,
    n_cores: usize,
    cache: PathBuf,
    models: Vec<String>,
    display: Option<String>,
    missing: Vec<String>,
}

/// A device, and which operations it has kernels of ours for.
#[derive(Debug, Serialize)]
struct Device {
    id: DeviceChoice,
    name: String,
    fused: &'static [&'static str],
    plain: &'static [&'static str],
}

impl Doctor {
    pub fn run(self, app: &App, output: &Output) -> anyhow::Result<()> {
        if let Some(device) = self.check_device {
            return check_device::run(device.unwrap_or(app.device), output);
        }
        let report = examine(app)?;
        let mut text = format!(
            "Handful {} on {}, {} cores\nwindow    {}\n{}cache     {}\nmodels    {}\n",
            report.version,
            report.system,
            report.n_cores,
            if report.window {
                report.display.as_deref().unwrap_or("no display found")
            } else {
                "not in this build"
            },
            devices_text(&report.devices),
            report.cache.display(),
            if report.models.is_empty() {
                "none".to_owned()
            } else {
                report.models.join(", ")
            },
        );
        if report.missing.is_empty() {
            text += "Nothing is missing.";
        } else {
            text += &format!("Missing:\n  {}", report.missing.join("\n  "));
        }
        output.result(&report, &text)
    }
}

fn examine(app: &App) -> anyhow::Result<Report> {
    let models: Vec<String> = app.catalog.list()?.into_iter().map(|model| model.name).collect();
    let display = ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let mut missing = Vec::new();
    if !models.iter().any(|name| name == DEFAULT_ENCODER) {
        missing.push(format!("the default encoder: `handful models get {DEFAULT_ENCODER}`"));
    }
    missing.extend(device::complaint().map(|complaint| format!("a graphics card to compute on: {complaint}")));
    if cfg!(target_os = "linux") && display.is_none() {
        missing.push("a display: the window cannot open here; every verb works without".to_owned());
    }
    if cfg!(target_os = "linux") && display.is_some() {
        missing.extend(missing_libraries());
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        window: cfg!(feature = "gui"),
        devices: devices(),
        n_cores: n_cores(),
        cache: app.catalog.folder().to_path_buf(),
        models,
        display,
        missing,
    })
}

fn devices() -> Vec<Device> {
    let report = |info: device::DeviceInfo| {
        let (fused, plain): (&[&str], &[&str]) = match info.id {
            DeviceChoice::Cpu => (&OPERATIONS, &[]),
            _ => (&[], &OPERATIONS),
        };
        Device {
            id: info.id,
            name: info.name,
            fused,
            plain,
        }
    };
    device::available().into_iter().map(report).collect()
}

fn devices_text(devices: &[Device]) -> String {
    let mut text = String::new();
    for (at, device) in devices.iter().enumerate() {
        let head = if at == 0 { "devices" } else { "" };
        let kernels = match device.plain {
            [] => "every operation has a fused kernel".to_owned(),
            plain => format!("no fused kernels, candle's own operations for {}", plain.join(", ")),
        };
        let id = device.id.to_string();
        text += &format!("{head:<9} {id:<7} {}: {kernels}\n", device.name);
    }
    text
}

/// Libraries the window opens while it runs, by the name of their file, with the Debian package that holds them.
fn missing_libraries() -> Vec<String> {
    const NEEDED: [(&str, &str); 4] = [
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libXcursor.so.1", "libxcursor1"),
        ("libXi.so.6", "libxi6"),
        ("libGL.so.1", "libgl1"),
    ];
    let folders = [
        "/usr/lib",
        "/usr/lib64",
        "/lib",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    NEEDED
        .iter()
        .filter(|(file, _)| {
            !folders
                .iter()
                .any(|folder| std::path::Path::new(folder).join(file).exists())
        })
        .map(|(file, package)| format!("{file}: on Debian and Ubuntu, `apt-get install {package}`"))
        .collect()
}

/// Lets [`peak_memory_mb`] begin anew, where the system can.
pub fn forget_peak_memory() {
    // Linux: "5" resets the high-water mark of this process.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process has held, in MB; `None` where the system does not say.
pub fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<f64>()
        .ok()
        .map(|kilobytes| kilobytes / 1024.0)
}
