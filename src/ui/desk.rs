//! What a screen gets to work with: the app to read, its own memory, and a tray for what the person asked for.

use egui::Context;

use super::{
    screens::{self, ScreenId},
    sheets::SheetState,
    theme::LabelLooks,
};
use crate::app::{App, Command, NoticeKind, Project};
use crate::core::Edit;

/// Something the person asked for while a frame was drawn; done when the frame is complete.
pub enum Act {
    /// Shows a screen.
    Go(ScreenId),
    /// Runs a command.
    Run(Command),
    /// Changes the app in a way that is no command: the queue, settings, a request to the quick model.
    Change(Box<dyn FnOnce(&mut App)>),
    /// Opens a sheet over the window.
    Show(SheetState),
    /// Opens the palette.
    Palette,
    /// Shows the keys of this screen.
    Help,
    /// Goes from dark to light or back.
    Theme,
    /// Multiplies the text size; 0 resets it.
    Zoom(f32),
}

/// What the window remembers between frames and forgets when it closes.
#[derive(Default)]
pub struct View {
    /// The screen on show while a project is open.
    pub screen: ScreenId,
    /// The sheet over the window.
    pub sheet: Option<SheetState>,
    /// What each screen remembers.
    pub memory: screens::Memory,
}

/// What a screen gets while it is drawn.
pub struct Desk<'a> {
    /// The app, to read.
    pub app: &'a App,
    /// What the screens remember.
    pub memory: &'a mut screens::Memory,
    /// How labels look.
    pub looks: &'a LabelLooks,
    acts: &'a mut Vec<Act>,
}

impl<'a> Desk<'a> {
    /// For one frame.
    pub fn new(app: &'a App, memory: &'a mut screens::Memory, looks: &'a LabelLooks, acts: &'a mut Vec<Act>) -> Self {
        Desk {
            app,
            memory,
            looks,
            acts,
        }
    }

    /// The open project.
    pub fn project(&self) -> Option<&'a Project> {
        self.app.project.as_ref()
    }

    /// Asks for something.
    pub fn act(&mut self, act: Act) {
        self.acts.push(act);
    }

    /// Asks for a command.
    pub fn run(&mut self, command: Command) {
        self.act(Act::Run(command));
    }

    /// Asks for an edit, or shows why it cannot be.
    pub fn edit<E: std::fmt::Display>(&mut self, edit: Result<Edit, E>) {
        match edit {
            Ok(edit) => self.run(Command::Edit(edit)),
            Err(reason) => {
                let reason = reason.to_string();
                self.change(move |app| app.notify(NoticeKind::Warning, reason));
            }
        }
    }

    /// Asks for a change that is no command.
    pub fn change(&mut self, change: impl FnOnce(&mut App) + 'static) {
        self.act(Act::Change(Box::new(change)));
    }

    /// Asks for a change of the open project that may be refused; the reason is then shown.
    pub fn try_project<E: std::fmt::Display>(
        &mut self,
        change: impl FnOnce(&mut Project, &str) -> Result<(), E> + 'static,
    ) {
        self.change(move |app| {
            let who = app.settings.who.clone();
            let refused = app.project.as_mut().and_then(|project| change(project, &who).err());
            if let Some(reason) = refused {
                app.notify(NoticeKind::Warning, reason.to_string());
            }
        });
    }

    /// Asks for a change of the open project that is no command.
    pub fn change_project(&mut self, change: impl FnOnce(&mut Project, &str) + 'static) {
        self.change(move |app| {
            let who = app.settings.who.clone();
            if let Some(project) = &mut app.project {
                change(project, &who);
            }
        });
    }
}

/// Does what was asked for.
pub fn settle(acts: Vec<Act>, app: &mut App, view: &mut View, palette: &mut super::palette::Palette, ctx: &Context) {
    for act in acts {
        ctx.request_repaint();
        match act {
            Act::Go(screen) => view.screen = screen,
            Act::Run(command) => {
                if let Err(reason) = app.execute(command) {
                    app.notify(NoticeKind::Error, format!("{reason:#}"));
                }
            }
            Act::Change(change) => change(app),
            Act::Show(sheet) => view.sheet = Some(sheet),
            Act::Palette => palette.toggle(),
            Act::Help => view.sheet = Some(SheetState::Keys),
            Act::Theme => super::window::toggle_theme(ctx, app),
            Act::Zoom(factor) => super::window::zoom(ctx, app, factor),
        }
    }
}
