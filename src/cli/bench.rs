//! `handful bench`: how fast this machine trains and encodes, on the chosen device and on the CPU.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::classify::{TextColumns, read_texts};
use super::doctor::{forget_peak_memory, peak_memory_mb};
use super::{Output, progress};
use crate::app::{App, n_cores, sample};
use crate::jobs::models::load_encoder;
use crate::model::{Compute, DeviceChoice, DeviceInfo, Precision};
use crate::train::speed::{Speed, Work, measure};

#[derive(Debug, Args)]
pub struct Bench {
    /// A model's name or a folder; the one chosen in the window otherwise
    #[arg(long)]
    encoder: Option<String>,
    /// Texts to work on: CSV, TSV, JSONL, JSON or TXT; the sample tickets otherwise
    #[arg(long)]
    texts: Option<PathBuf>,
    /// Seconds for each figure, without what warms up before it
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    encoder: String,
    n_texts: usize,
    devices: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    device: DeviceInfo,
    /// Of products on the CPU.
    precision: Precision,
    /// Threads of the CPU; on other devices they only prepare.
    n_threads: usize,
    speeds: Vec<Speed>,
    /// The most memory of the process, without that of a graphics card; `null` where the system does not say.
    peak_mb: Option<f64>,
}

impl Bench {
    pub fn run(self, app: &App, output: &Output) -> anyhow::Result<()> {
        let texts = match &self.texts {
            Some(file) => read_texts(file, TextColumns::default(), output)?
                .into_iter()
                .map(|row| row.body)
                .collect(),
            None => sample::texts()?,
        };
        let encoder = self.encoder.as_ref().unwrap_or(&app.settings.encoder);
        let mut devices = vec![app.device.resolve()?];
        if devices[0].id != DeviceChoice::Cpu {
            devices.push(DeviceChoice::Cpu.resolve()?);
        }
        let bar = progress::bar(output, devices.len() * Work::ALL.len(), "");
        let mut measured = Vec::new();
        for device in devices {
            measured.push(measure_on(app, encoder, device, &texts, f64::from(self.seconds), &bar)?);
        }
        bar.finish_and_clear();
        let report = Report {
            version: env!("CARGO_PKG_VERSION"),
            encoder: encoder.clone(),
            n_texts: texts.len(),
            devices: measured,
        };
        output.result(&report, &report.text())
    }
}

fn measure_on(
    app: &App,
    encoder: &str,
    device: DeviceInfo,
    texts: &[String],
    secs: f64,
    bar: &indicatif::ProgressBar,
) -> anyhow::Result<Measured> {
    forget_peak_memory();
    let compute = Compute {
        device: device.id,
        precision: app.precision,
    };
    let mut encoder = load_encoder(&app.catalog, encoder, compute)?;
    let mut speeds = Vec::new();
    for work in Work::ALL {
        bar.set_message(format!("{} on {}", work.title(), device.id));
        let (speed, used) = measure(work, encoder, texts, secs)?;
        encoder = used;
        speeds.push(speed);
        bar.inc(1);
    }
    Ok(Measured {
        device,
        precision: app.precision,
        n_threads: n_cores(),
        speeds,
        peak_mb: peak_memory_mb(),
    })
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!(
            "Handful {}, {}, {} texts; medians\n",
            self.version, self.encoder, self.n_texts
        );
        for measured in &self.devices {
            text += &format!(
                "\n{}, {}, {} threads\n",
                measured.device, measured.precision, measured.n_threads
            );
            for speed in &measured.speeds {
                text += &format!(
                    "  {:<17} {:>8.2} steps/s {:>8.0} texts/s   {:.4} s, of {}\n",
                    speed.work.title(),
                    speed.steps_per_sec,
                    speed.texts_per_sec,
                    speed.median_secs,
                    speed.n_laps
                );
            }
            if let Some(megabytes) = measured.peak_mb {
                text += &format!("  {:<17} {megabytes:>8.0} MB\n", "peak memory");
            }
        }
        text
    }
}
