//! A window without a display, over a real project in a temporary folder.

use std::path::Path;
use std::time::{Duration, Instant};

use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use handful::app::{App, Command, Settings};
use handful::core::TaskKind;
use handful::ui::{Window, screens::ScreenId, theme};
use tempfile::TempDir;

/// What a test drives.
pub struct Desk {
    pub harness: Harness<'static, Window>,
    /// Holds the project file while the test runs.
    pub folder: TempDir,
}

/// A window of `size` with nothing open.
pub fn window(size: [f32; 2], theme: egui::Theme) -> Desk {
    let app = App::new(Settings::default()).unwrap();
    over(app, tempfile::tempdir().unwrap(), size, theme)
}

/// A window over a project with `labels` and the rows of a CSV file (`text,label,split`; empty for none).
pub fn project(task: TaskKind, labels: &[&str], csv: &str, size: [f32; 2], theme: egui::Theme) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let mut app = App::new(Settings::default()).unwrap();
    let path = folder.path().join("test.handful");
    let labels = labels
        .iter()
        .map(|path| path.split(" > ").map(str::to_owned).collect())
        .collect();
    execute(&mut app, Command::NewProject { path, task, labels });
    if !csv.is_empty() {
        import(&mut app, folder.path(), csv);
    }
    app.notices.clear();
    over(app, folder, size, theme)
}

fn over(app: App, folder: TempDir, size: [f32; 2], theme: egui::Theme) -> Desk {
    let harness = Harness::builder()
        .with_size(size)
        .with_theme(theme)
        .with_max_steps(20)
        .with_context_setup(theme::install)
        .build_ui_state(|ui, window: &mut Window| window.frame(ui), Window::new(app));
    Desk { harness, folder }
}

fn import(app: &mut App, folder: &Path, csv: &str) {
    let file = folder.join("texts.csv");
    std::fs::write(&file, format!("text,label,split\n{csv}")).unwrap();
    let task = app.project().unwrap().state.task;
    let options = handful::io::import::ReadOptions {
        task: Some(task),
        ..Default::default()
    };
    execute(app, Command::Import { file, options });
}

fn execute(app: &mut App, command: Command) {
    if let Some(job) = app.execute(command).unwrap() {
        app.wait(job, &mut |_| {}).unwrap();
    }
}

impl Desk {
    pub fn app(&mut self) -> &mut App {
        &mut self.harness.state_mut().app
    }

    pub fn go(&mut self, screen: ScreenId) {
        self.harness.state_mut().view.screen = screen;
        self.harness.run_steps(3);
    }

    /// Presses a key that makes a character, as a keyboard does, and draws exactly one frame.
    pub fn key(&mut self, key: Key, text: &str) {
        let event = |pressed| Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Modifiers::NONE,
        };
        self.harness.event(event(true));
        if !text.is_empty() {
            self.harness.event(Event::Text(text.to_owned()));
        }
        self.harness.event(event(false));
        self.harness.step();
    }

    pub fn digit(&mut self, digit: u8) {
        let keys = [
            Key::Num0,
            Key::Num1,
            Key::Num2,
            Key::Num3,
            Key::Num4,
            Key::Num5,
            Key::Num6,
            Key::Num7,
            Key::Num8,
            Key::Num9,
        ];
        self.key(keys[usize::from(digit)], &digit.to_string());
    }

    pub fn shortcut(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    /// Types into whatever has the keyboard.
    pub fn type_text(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.harness.run_steps(2);
    }

    /// Draws frames until every job and every write is done.
    pub fn settle(&mut self) {
        let started = Instant::now();
        loop {
            self.harness.step();
            let app = &self.harness.state().app;
            let saved = app.project.as_ref().is_none_or(|project| project.is_saved());
            if !app.is_busy() && saved {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "jobs do not end");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.harness.run_steps(3);
    }

    /// The names of the labels of the text that begins with `body`.
    pub fn labels_of(&mut self, body: &str) -> Option<Vec<String>> {
        let state = &self.app().project().unwrap().state;
        let text = state.texts().find(|text| text.body.starts_with(body)).unwrap();
        let annotation = text.annotation.as_ref()?;
        Some(
            annotation
                .labels
                .iter()
                .map(|id| state.labels.path_string(*id))
                .collect(),
        )
    }
}
