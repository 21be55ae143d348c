//! Pictures of the app's own screens, drawn by the code that draws the window, where there is no display.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use egui::{Color32, ColorImage, Context, Event, Modifiers, Pos2, RawInput, Rect, Theme, vec2};

use super::{
    Window, raster,
    screens::{
        SCREENS, ScreenId,
        evaluate::{self, Tab},
    },
    theme,
};
use crate::app::{App, Settings};

/// Frames until a screen has settled: sizes are known after the first, scroll areas after the second, and the bands of a dozen
/// thresholds, one a frame, after the rest.
const FRAMES: usize = 16;

/// Longest wait for jobs before a picture is taken as things stand.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long nothing must have happened.
const QUIET: Duration = Duration::from_millis(400);

/// A window without a display.
pub struct Studio {
    window: Window,
    ctx: Context,
    raster: raster::Raster,
    time: f64,
}

impl Studio {
    /// Around an app; its settings are used but never written.
    pub fn new(app: App) -> Self {
        let ctx = Context::default();
        theme::install(&ctx);
        Studio {
            window: Window::new(app),
            ctx,
            raster: raster::Raster::default(),
            time: 0.0,
        }
    }

    /// The app, to open a project or to wait for a job.
    pub fn app(&mut self) -> &mut App {
        &mut self.window.app
    }

    /// The window, to choose what a screen shows.
    pub fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Goes to a screen by its id (`data`, `annotate`, …).
    ///
    /// # Errors
    /// When there is no such screen.
    pub fn go(&mut self, screen: &str) -> anyhow::Result<()> {
        let known = SCREENS.iter().find(|known| known.id.0 == screen).map(|known| known.id);
        let id: ScreenId = known.with_context(|| format!("there is no screen {screen:?}"))?;
        self.window.view.screen = id;
        Ok(())
    }

    /// Types a key as a person would: the key, and the character it makes.
    pub fn key(&mut self, key: egui::Key, text: &str) {
        let event = |pressed| Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Modifiers::NONE,
        };
        let mut events = vec![event(true)];
        events.extend((!text.is_empty()).then(|| Event::Text(text.to_owned())));
        events.push(event(false));
        self.frame([1280, 800], events);
    }

    /// Clicks at a point.
    pub fn click(&mut self, at: Pos2, size: [usize; 2]) {
        let button = |pressed| Event::PointerButton {
            pos: at,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        };
        for events in [
            vec![Event::PointerMoved(at)],
            vec![button(true)],
            vec![button(false)],
            vec![Event::PointerGone],
        ] {
            self.frame(size, events);
        }
    }

    /// The screen as a picture of `size` pixels, once it has settled.
    pub fn take(&mut self, theme: Theme, size: [usize; 2]) -> ColorImage {
        self.ctx.set_theme(theme);
        let mut output = self.frame(size, Vec::new());
        for _ in 1..FRAMES {
            output = self.frame(size, Vec::new());
        }
        let background: Color32 = super::theme::tokens(theme).window;
        self.raster.draw(&self.ctx, &output, size[0], size[1], background)
    }

    /// Writes the screen as PNG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, theme: Theme, size: [usize; 2], file: &Path) -> anyhow::Result<()> {
        let image = self.take(theme, size);
        ensure!(image.size == size, "a picture of {size:?} was asked for");
        let out = File::create(file).with_context(|| format!("the picture cannot be written: {}", file.display()))?;
        raster::write_png(&image, BufWriter::new(out))
            .with_context(|| format!("the picture is incomplete: {}", file.display()))
    }

    /// Waits until no job runs and the quick model has been quiet for a moment, at most [`PATIENCE`]; messages count as read.
    fn rest(&mut self) {
        let started = Instant::now();
        let mut heard = Instant::now();
        let busy = |app: &App| {
            let project = app.project.as_ref();
            app.is_busy() || project.is_some_and(|project| project.explaining.is_busy())
        };
        while started.elapsed() < PATIENCE && (busy(&self.window.app) || heard.elapsed() < QUIET) {
            if self.window.app.poll(Duration::from_millis(4)) {
                heard = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.window.app.notices.iter_mut().for_each(|notice| notice.seen = true);
    }

    fn frame(&mut self, size: [usize; 2], events: Vec<Event>) -> egui::FullOutput {
        self.time += 0.25;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(size[0] as f32, size[1] as f32))),
            time: Some(self.time),
            events,
            focused: true,
            ..RawInput::default()
        };
        let mut output = self.ctx.run_ui(input, |ui| self.window.frame(ui));
        self.raster.update(&mut output);
        output
    }
}

/// Writes a picture of every screen in both themes into `folder`, for the project that is open. Returns the files.
///
/// # Errors
/// When the folder or a picture cannot be written.
pub fn pictures(app: &mut App, folder: &Path, size: [usize; 2]) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("the folder cannot be made: {}", folder.display()))?;
    let stand_in = App::new(Settings::default())?;
    let mut studio = Studio::new(std::mem::replace(app, stand_in));
    let written = every_screen(&mut studio, folder, size);
    *app = studio.window.app;
    written
}

fn every_screen(studio: &mut Studio, folder: &Path, size: [usize; 2]) -> anyhow::Result<Vec<PathBuf>> {
    studio.rest();
    let open = studio.window.app.project.is_some();
    let mut files = Vec::new();
    for screen in SCREENS.iter().filter(|screen| screen.in_rail == open) {
        studio.window.view.screen = screen.id;
        let tabs: &[Option<Tab>] = match screen.id {
            evaluate::ID => &[Some(Tab::Overview), Some(Tab::Confusion), Some(Tab::Thresholds)],
            _ => &[None],
        };
        for tab in tabs {
            let mut name = screen.id.0.to_owned();
            if let Some(tab) = tab {
                studio.window.view.memory.evaluate.show_tab(*tab);
                name = format!("{name}-{tab:?}").to_lowercase();
            }
            // A screen may ask for figures when it is first shown.
            studio.frame(size, Vec::new());
            studio.rest();
            for (theme, colours) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
                let file = folder.join(format!("{name}-{colours}.png"));
                studio.write(theme, size, &file)?;
                files.push(file);
            }
        }
    }
    Ok(files)
}
