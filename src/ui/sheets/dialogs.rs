//! File dialogs of the system, on a thread of their own: without a portal they block, or answer nothing.

use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::SheetState;

/// What a dialog asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// An existing file; the endings offered first.
    File(Vec<String>),
    /// An existing folder.
    Folder,
    /// A file to be made, with a suggested name.
    NewFile(String),
}

/// The open dialog, if there is one.
#[derive(Default)]
pub struct Dialogs {
    waiting: Option<Receiver<Option<PathBuf>>>,
}

impl Dialogs {
    /// Opens a dialog that starts in `folder`; one at a time.
    pub fn open(&mut self, ask: Ask, folder: PathBuf) {
        if self.waiting.is_some() {
            return;
        }
        let (answer, waiting) = bounded(1);
        self.waiting = Some(waiting);
        thread::spawn(move || {
            let dialog = rfd::FileDialog::new().set_directory(folder);
            let path = match ask {
                Ask::File(endings) => {
                    let dialog = dialog.add_filter("Texts and projects", &endings);
                    dialog.add_filter("All files", &["*"]).pick_file()
                }
                Ask::Folder => dialog.pick_folder(),
                Ask::NewFile(name) => dialog.set_file_name(name).save_file(),
            };
            // The window may have closed meanwhile.
            let _ = answer.send(path);
        });
    }

    /// Whether a dialog is open.
    pub fn is_open(&self) -> bool {
        self.waiting.is_some()
    }

    /// Puts the answer of a closed dialog into the sheet that asked for it.
    pub fn answers(&mut self, sheet: &mut Option<SheetState>) {
        let answer = match self.waiting.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(answer)) => answer,
            Some(Err(TryRecvError::Disconnected)) => None,
        };
        self.waiting = None;
        if let Some(path) = answer {
            let text = path.display().to_string();
            match sheet {
                Some(SheetState::Path(sheet)) => sheet.text = text,
                Some(SheetState::NewProject(sheet)) => sheet.path = text,
                _ => {}
            }
        }
    }
}
