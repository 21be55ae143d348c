//! One frame of the window, from input to what was asked for; and the loop around it.

use std::time::Duration;

use egui::{CentralPanel, Context, Frame, Ui};

use super::{
    desk::{Act, Desk, View, settle},
    keymap::{self, GlobalKey},
    palette::Palette,
    screens::{self, SCREENS, ScreenId},
    sheets::{self, SheetState},
    shell,
    theme::{self, LabelLooks},
};
use crate::app::{App, Command, ThemeChoice};
use crate::jobs::JobKind;

/// Longest time a frame spends on messages from jobs.
const MESSAGE_BUDGET: Duration = Duration::from_millis(4);

/// The window: the app, what the window remembers, and how labels look just now.
pub struct Window {
    /// The app behind it.
    pub app: App,
    /// What the window remembers.
    pub view: View,
    palette: Palette,
    dialogs: sheets::Dialogs,
    looks: LabelLooks,
    looks_of: Option<(u64, bool, usize)>,
    /// The opening whose screens are remembered.
    opening: Option<u64>,
}

impl Window {
    /// A window over an app; [`install`](theme::install) the theme on its context first.
    pub fn new(mut app: App) -> Self {
        app.find_devices();
        Window {
            app,
            view: View::default(),
            palette: Palette::default(),
            dialogs: sheets::Dialogs::default(),
            looks: LabelLooks::default(),
            looks_of: None,
            opening: None,
        }
    }

    /// Reads what jobs have to say, within the message budget.
    pub fn poll(&mut self, ctx: &Context) {
        if self.app.poll(MESSAGE_BUDGET) {
            ctx.request_repaint();
        }
        if self.app.is_busy() || self.app.project.as_ref().is_some_and(|project| !project.is_saved()) {
            ctx.request_repaint_after(Duration::from_millis(50));
        }
    }

    /// One frame. Keys are answered before anything is drawn, so that their effect is in this very frame.
    pub fn frame(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.poll(&ctx);
        self.dialogs.answers(&mut self.view.sheet);
        let mut acts = sheets::dropped_files(&ctx, &self.app);
        acts.extend(self.global_keys(&ctx));
        settle(acts, &mut self.app, &mut self.view, &mut self.palette, &ctx);
        self.forget_other_projects();
        self.start_import();
        self.with_desk(&ctx, |desk, screen| (screen.on_keys)(&ctx, desk));
        self.with_desk(&ctx, |desk, screen| {
            shell::top_bar(ui, desk);
            shell::status_bar(ui, desk);
            if desk.project().is_some() {
                shell::rail(ui, desk, screen.id);
            }
            let tokens = theme::of(ui);
            CentralPanel::default()
                .frame(Frame::new().fill(tokens.window))
                .show(ui, |ui| {
                    ui.push_id(screen.id.0, |ui| (screen.ui)(ui, desk));
                });
        });
        let mut sheet = self.view.sheet.take();
        let dialogs = std::mem::take(&mut self.dialogs);
        let mut palette = std::mem::take(&mut self.palette);
        let dialogs = self.with_desk(&ctx, |desk, screen| {
            let mut dialogs = dialogs;
            sheets::show(&ctx, desk, screen, &mut sheet, &mut dialogs);
            palette.show(&ctx, desk);
            dialogs
        });
        self.dialogs = dialogs;
        // What was asked for while drawing may have opened another one.
        self.view.sheet = self.view.sheet.take().or(sheet);
        if !self.palette.is_open() {
            self.palette = palette;
        }
        shell::toasts(&ctx, &mut self.app);
        sheets::drop_hint(&ctx);
    }

    /// What the screens remember belongs to one opening of one project; only the list of models outlives it.
    fn forget_other_projects(&mut self) {
        let opening = self.app.project.as_ref().map(|project| project.opening);
        if opening.is_some() && opening != self.opening {
            let known = std::mem::take(&mut self.view.memory);
            self.view.memory.models = known.models;
            self.view.memory.import_next = known.import_next;
            self.opening = opening;
            self.looks_of = None;
        }
    }

    /// The screen on show.
    pub fn screen(&self) -> &'static screens::Screen {
        match self.app.project {
            Some(_) => screens::screen(self.view.screen),
            None => screens::screen(screens::welcome::ID),
        }
    }

    fn with_desk<R>(&mut self, ctx: &Context, work: impl FnOnce(&mut Desk, &'static screens::Screen) -> R) -> R {
        self.refresh_looks(ctx);
        let screen = self.screen();
        let mut acts = Vec::new();
        let mut desk = Desk::new(&self.app, &mut self.view.memory, &self.looks, &mut acts);
        let result = work(&mut desk, screen);
        settle(acts, &mut self.app, &mut self.view, &mut self.palette, ctx);
        result
    }

    /// A project made from a file shows how that file will be read as soon as it is open.
    fn start_import(&mut self) {
        if self.app.project.is_none() && self.app.running(JobKind::Open).is_none() {
            self.view.memory.import_next = None;
        }
        if self.app.project.is_some()
            && self.view.sheet.is_none()
            && let Some(file) = self.view.memory.import_next.take()
        {
            self.view.sheet = Some(SheetState::import(file));
        }
    }

    fn refresh_looks(&mut self, ctx: &Context) {
        let Some(project) = &self.app.project else {
            self.looks_of = None;
            self.looks = LabelLooks::default();
            return;
        };
        let dark = ctx.theme() == egui::Theme::Dark;
        let now = Some((project.revision, dark, project.store.path().as_os_str().len()));
        if self.looks_of != now {
            self.looks = LabelLooks::new(&project.state.labels, theme::tokens(ctx.theme()).panel);
            self.looks_of = now;
        }
    }

    fn global_keys(&mut self, ctx: &Context) -> Vec<Act> {
        let mut acts = Vec::new();
        let open = self.app.project.is_some();
        match keymap::global_key(ctx) {
            Some(GlobalKey::Palette) => acts.push(Act::Palette),
            Some(GlobalKey::Screen(at)) if open && self.view.sheet.is_none() => {
                acts.extend(
                    SCREENS
                        .iter()
                        .filter(|screen| screen.in_rail)
                        .nth(at)
                        .map(|screen| Act::Go(screen.id)),
                );
            }
            Some(GlobalKey::Undo) if open => acts.push(Act::Run(Command::Undo)),
            Some(GlobalKey::Redo) if open => acts.push(Act::Run(Command::Redo)),
            Some(GlobalKey::Open) => acts.push(Act::Show(SheetState::path(sheets::PathPurpose::Open))),
            Some(GlobalKey::New) => acts.push(Act::Show(SheetState::new_project(None))),
            Some(GlobalKey::Larger) => acts.push(Act::Zoom(1.1)),
            Some(GlobalKey::Smaller) => acts.push(Act::Zoom(1.0 / 1.1)),
            Some(GlobalKey::NormalSize) => acts.push(Act::Zoom(0.0)),
            _ => {}
        }
        if keymap::letters_are_free(ctx) && self.view.sheet.is_none() && keymap::typed(ctx).contains(&'?') {
            acts.push(Act::Help);
        }
        acts
    }
}

/// From dark to light or back, remembered.
pub(super) fn toggle_theme(ctx: &Context, app: &mut App) {
    app.settings.theme = match ctx.theme() {
        egui::Theme::Dark => ThemeChoice::Light,
        egui::Theme::Light => ThemeChoice::Dark,
    };
    app.settings.save();
    apply_settings(ctx, app);
}

/// Multiplies the text size, remembered; 0 resets it.
pub(super) fn zoom(ctx: &Context, app: &mut App, factor: f32) {
    let zoom = if factor == 0.0 { 1.0 } else { app.settings.zoom * factor };
    app.settings.zoom = ((zoom * 20.0).round() / 20.0).clamp(0.7, 2.0);
    app.settings.save();
    apply_settings(ctx, app);
}

/// Theme and text size as the settings say.
pub(super) fn apply_settings(ctx: &Context, app: &App) {
    ctx.options_mut(|options| options.zoom_with_keyboard = false);
    ctx.set_zoom_factor(app.settings.zoom);
    ctx.set_theme(match app.settings.theme {
        ThemeChoice::System => egui::ThemePreference::System,
        ThemeChoice::Dark => egui::ThemePreference::Dark,
        ThemeChoice::Light => egui::ThemePreference::Light,
    });
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.poll(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.frame(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _: Option<&eframe::glow::Context>) {
        if let Err(reason) = self.app.execute(Command::Close) {
            eprintln!("handful: {reason:#}");
        }
    }
}

/// Opens the window and returns when it is closed.
///
/// # Errors
/// Where there is no display, or no OpenGL.
pub fn run(app: App) -> anyhow::Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Handful")
            .with_app_id("handful")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([640.0, 480.0])
            .with_icon(super::logo::window_icon())
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Glow,
        ..eframe::NativeOptions::default()
    };
    let started = eframe::run_native(
        "handful",
        options,
        Box::new(|creation| {
            let ctx = creation.egui_ctx.clone();
            theme::install(&ctx);
            apply_settings(&ctx, &app);
            let wake = ctx.clone();
            let app = app.in_window(std::sync::Arc::new(move || wake.request_repaint()));
            Ok(Box::new(Window::new(app)))
        }),
    );
    started.map_err(|reason| anyhow::anyhow!("the window cannot be opened: {reason}"))
}

/// Where to go first.
pub fn go(window: &mut Window, screen: ScreenId) {
    window.view.screen = screen;
}
