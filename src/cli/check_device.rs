//! `handful doctor --check-device`: whether a device computes as the CPU does.

use anyhow::ensure;
use serde_json::json;

use super::Output;
use crate::model::DeviceChoice;
use crate::train::device_check::{self, DeviceCheck};

/// Trains on both, prints loss by loss, and fails where they differ by more than rounding.
pub fn run(device: DeviceChoice, output: &Output) -> anyhow::Result<()> {
    let info = device.resolve()?;
    let check = device_check::check(&device.open()?)?;
    let largest = match check.largest_difference {
        Some(difference) => format!("{difference:.1e}"),
        None => "not a number".to_owned(),
    };
    let (verdict, tolerance) = (if check.ok { "OK" } else { "failed" }, check.tolerance);
    let text = format!(
        "{}\n{verdict}: the largest difference is {largest}, at most {tolerance:.0e} is rounding.",
        table(&check, &info.id.to_string())
    );
    let json = json!({
        "device": info, "steps": check.steps, "largest_difference": check.largest_difference,
        "tolerance": tolerance, "ok": check.ok,
    });
    output.result(&json, &text)?;
    ensure!(
        check.ok,
        "{info} does not compute as the CPU does (largest difference of a loss: {largest}); train with --device cpu"
    );
    Ok(())
}

fn table(check: &DeviceCheck, device: &str) -> String {
    let device = format!("{device}, plain");
    let mut text = format!("step  {:>12}  {device:>15}  difference\n", "cpu, fused");
    for step in &check.steps {
        let difference = (step.cpu_loss - step.device_loss).abs();
        text += &format!(
            "{:>4}  {:>12.7}  {:>15.7}  {difference:>10.1e}\n",
            step.step, step.cpu_loss, step.device_loss
        );
    }
    text
}
