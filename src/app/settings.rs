//! What a person has chosen, remembered between starts in the user's configuration folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use crate::jobs::models::DEFAULT_ENCODER;
use crate::model::{DeviceChoice, Precision};

/// Projects remembered on the welcome screen.
const MAX_RECENT: usize = 12;

/// Dark, light, or as the system says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ThemeChoice {
    #[default]
    System,
    Dark,
    Light,
}

/// All settings; unknown or missing entries fall back to their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The annotator's name, written into every annotation.
    pub who: String,
    /// Colours.
    pub theme: ThemeChoice,
    /// Text size as a factor, 0.7..=2.0.
    pub zoom: f32,
    /// Projects opened last, newest first.
    pub recent: Vec<PathBuf>,
    /// The encoder of new runs and of suggestions.
    pub encoder: String,
    /// Where to compute. A device that this version does not know is `auto`.
    #[serde(deserialize_with = "device")]
    pub device: DeviceChoice,
    /// How exact products on the CPU are. One that this version does not know is `f32`.
    #[serde(deserialize_with = "precision")]
    pub precision: Precision,
    /// The zero-shot templates of projects that have their own, by the project's path.
    pub templates: BTreeMap<PathBuf, Vec<String>>,
    #[serde(skip)]
    file: Option<PathBuf>,
}

fn device<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DeviceChoice, D::Error> {
    Ok(String::deserialize(deserializer)?.parse().unwrap_or_default())
}

fn precision<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Precision, D::Error> {
    Ok(String::deserialize(deserializer)?.parse().unwrap_or_default())
}

impl Default for Settings {
    fn default() -> Self {
        let who = ["USER", "USERNAME"]
            .iter()
            .find_map(|name| std::env::var(name).ok())
            .unwrap_or_else(|| "me".to_owned());
        Settings {
            who,
            theme: ThemeChoice::System,
            zoom: 1.0,
            recent: vec![],
            encoder: DEFAULT_ENCODER.to_owned(),
            device: DeviceChoice::Auto,
            precision: Precision::F32,
            templates: BTreeMap::new(),
            file: None,
        }
    }
}

impl Settings {
    /// From the configuration folder (or `HANDFUL_CONFIG`); defaults where there is no readable file.
    pub fn load() -> Self {
        let folder = std::env::var_os("HANDFUL_CONFIG")
            .map(PathBuf::from)
            .or_else(|| directories::ProjectDirs::from("", "", "handful").map(|dirs| dirs.config_dir().to_path_buf()));
        match folder {
            Some(folder) => Settings::load_from(&folder.join("settings.json")),
            None => Settings::default(),
        }
    }

    /// From one file.
    pub fn load_from(file: &Path) -> Self {
        let known = fs::read(file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Settings>(&bytes).ok());
        Settings {
            file: Some(file.to_path_buf()),
            ..known.unwrap_or_default()
        }
    }

    /// Writes the settings where they came from; losing them is no reason to stop.
    pub fn save(&self) {
        let Some(file) = &self.file else { return };
        let write = || -> anyhow::Result<()> {
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut temporary, self)?;
            temporary.persist(file)?;
            Ok(())
        };
        let _ = write();
    }

    /// The zero-shot templates of a project, where it has its own.
    pub fn templates_of(&self, project: &Path) -> Option<&[String]> {
        self.templates.get(&canonical(project)).map(Vec::as_slice)
    }

    /// Remembers the zero-shot templates of a project; none means those of its texts' language.
    pub fn remember_templates(&mut self, project: &Path, templates: &[String]) {
        match templates.is_empty() {
            true => self.templates.remove(&canonical(project)),
            false => self.templates.insert(canonical(project), templates.to_vec()),
        };
        self.save();
    }

    /// Puts a project on top of the recent ones.
    pub fn remember(&mut self, project: &Path) {
        let project = canonical(project);
        self.recent.retain(|known| *known != project);
        self.recent.insert(0, project);
        self.recent.truncate(MAX_RECENT);
        self.save();
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_and_damage_means_defaults() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("deep/settings.json");
        let mut settings = Settings::load_from(&file);
        settings.zoom = 1.5;
        settings.device = DeviceChoice::Cuda(1);
        settings.remember(folder.path());
        settings.remember_templates(folder.path(), &["On {}.".to_owned()]);
        assert_eq!(settings.templates_of(folder.path()), Some(&["On {}.".to_owned()][..]));
        assert_eq!(Settings::load_from(&file), settings);
        fs::write(&file, r#"{"zoom": 1.5, "device": "abacus"}"#)?;
        settings.remember_templates(folder.path(), &[]);
        assert_eq!(Settings::load_from(&file).templates_of(folder.path()), None);
        fs::write(&file, r#"{"zoom": 1.5, "device": "abacus"}"#)?;
        let newer = Settings::load_from(&file);
        assert_eq!((newer.zoom, newer.device), (1.5, DeviceChoice::Auto));
        fs::write(&file, "{\"zoom\": \"wide\"")?;
        assert_eq!(Settings::load_from(&file).zoom, 1.0);
        Ok(())
    }
}
