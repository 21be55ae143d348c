//! `handful doctor`: what this machine offers and what is missing.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Output;
use crate::app::{App, n_cores};
use crate::jobs::models::DEFAULT_ENCODER;

#[derive(Debug, Args)]
pub struct Doctor {}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    window: bool,
    devices: Vec<&'static str>,
    n_cores: usize,
    cache: PathBuf,
    models: Vec<String>,
    display: Option<String>,
    missing: Vec<String>,
}

impl Doctor {
    pub fn run(self, app: &App, output: &Output) -> anyhow::Result<()> {
        let report = examine(app)?;
        let mut text = format!(
            "Handful {} on {}, {} cores\nwindow    {}\ndevices   {}\ncache     {}\nmodels    {}\n",
            report.version,
            report.system,
            report.n_cores,
            if report.window {
                report.display.as_deref().unwrap_or("no display found")
            } else {
                "not in this build"
            },
            report.devices.join(", "),
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

fn devices() -> Vec<&'static str> {
    let mut devices = vec!["cpu"];
    if cfg!(feature = "cuda") && candle_core::utils::cuda_is_available() {
        devices.push("cuda");
    }
    if cfg!(feature = "metal") && candle_core::utils::metal_is_available() {
        devices.push("metal");
    }
    devices
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
