//! What the app does when a job has finished.

use super::{App, Notice, NoticeKind, Project};
use crate::core::run::Deciding;
use crate::core::{EditError, ProjectState, text_edits};
use crate::jobs::{ImportReport, Outcome, SearchReport};

/// Takes over the outcome.
pub(super) fn finished(app: &mut App, outcome: Outcome) {
    match outcome {
        Outcome::Opened(opened) => {
            let suggester = app.start_suggester(&opened.store);
            app.settings.remember(opened.store.path());
            app.project = Some(Project::new(opened.store, opened.state, opened.history, suggester));
        }
        Outcome::Preview(preview) => app.preview = Some(*preview),
        Outcome::Imported(report, state) => imported(app, *report, *state),
        Outcome::Trained(run) => {
            app.notify(NoticeKind::Info, format!("{} is ready.", run.name));
            if let Some(project) = &mut app.project {
                project.training = None;
                project.state.put_run(*run);
                project.revision += 1;
            }
        }
        Outcome::Searched(report) => {
            app.notify(NoticeKind::Info, searched(&report));
            if let Some(project) = &mut app.project {
                project.series_ended();
                project.search = Some(report);
            }
        }
        Outcome::Compared(comparison) => {
            app.notify(NoticeKind::Info, format!("{} is done.", comparison.series));
            if let Some(project) = &mut app.project {
                project.series_ended();
                project.comparison = Some(comparison);
            }
        }
        Outcome::Evaluated(evaluation) => {
            if let Some(remark) = &evaluation.remark {
                app.notify(NoticeKind::Info, remark.clone());
            }
            if let Some(project) = &mut app.project {
                project.evaluated(evaluation);
                project.revision += 1;
            }
        }
        Outcome::Tuned(tuning) => {
            if let Some(project) = &mut app.project {
                let deciding = Deciding {
                    at_least_one: tuning.at_least_one,
                    tuned_for: Some(tuning.objective).filter(|_| tuning.only.is_none()),
                };
                match text_edits::set_rule(&project.state, tuning.run, &tuning.thresholds, deciding) {
                    Ok(edit) => project.apply(edit),
                    Err(EditError::NothingToDo) => {}
                    Err(reason) => app.notices.push(Notice::new(NoticeKind::Error, reason.to_string())),
                }
                project.tuning = Some(tuning);
            }
        }
        Outcome::Exported(report) => {
            app.notify(
                NoticeKind::Info,
                format!("Exported and checked: {}", report.dir.display()),
            );
            app.last_export = Some(*report);
        }
        Outcome::AnnotationsExported(n_texts) => app.notify(NoticeKind::Info, format!("{n_texts} texts written.")),
        Outcome::ModelReady(name) => {
            app.notify(NoticeKind::Info, format!("{name} is ready."));
            app.last_model = Some(name);
            if let Some(project) = &mut app.project {
                project.texts_changed();
            }
        }
        Outcome::History(done) => {
            if let (Some(project), Some((edit, history))) = (&mut app.project, done) {
                project.state.apply(&edit);
                project.edited(&edit);
                project.annotating.show(&project.state, project.annotating.current);
                project.refresh_queue();
                project.history = history;
            }
        }
        Outcome::Cancelled => app.notify(NoticeKind::Info, "Stopped."),
    }
}

fn searched(report: &SearchReport) -> String {
    match (report.winner, report.best) {
        (Some(run), Some(trial)) => format!("{} is done: trial {trial} won, run {run} is its model.", report.series),
        _ => format!(
            "{} was stopped; {} trials are kept.",
            report.series,
            report.trials.len()
        ),
    }
}

fn imported(app: &mut App, report: ImportReport, state: ProjectState) {
    if let Some(project) = &mut app.project {
        project.imported(state);
    }
    let mut text = format!("{} texts added", report.n_added);
    for (n, what) in [
        (report.n_duplicates, "already there"),
        (report.n_annotated, "known texts labelled"),
        (report.new_labels.len(), "new labels"),
        (report.n_problems as usize, "problems"),
    ] {
        if n > 0 {
            text += &format!(", {n} {what}");
        }
    }
    let kind = if report.n_problems > 0 {
        NoticeKind::Warning
    } else {
        NoticeKind::Info
    };
    app.notify(kind, text + ".");
    app.last_import = Some(report);
}
