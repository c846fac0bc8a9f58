//! `bootwright doctor`: where each asset comes from, as a table or as JSON.

use clap::Args;

use super::assets::AssetArgs;
use super::{Answer, terminal};
use crate::assets::{self, Report};
use crate::error::Result;

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright doctor
  bootwright doctor --kernel /boot/vmlinuz-6.1 --json

Exit codes: 0 all is there, or is fetched when it is needed, 1 something is missing.")]
pub struct DoctorArgs {
    /// Print one JSON array instead of text
    #[arg(long)]
    pub json: bool,
    /// Where to look first.
    #[command(flatten)]
    pub assets: AssetArgs,
}

/// Shows for each asset what was found, where, its version, and why others were refused; fetches
/// nothing.
///
/// # Errors
/// Never by itself: what is missing is an answer.
pub fn run(args: &DoctorArgs) -> Result<Answer> {
    let reports = assets::doctor(&args.assets.options());
    match args.json {
        true => terminal::say(serde_json::to_string_pretty(&reports)?)?,
        false => terminal::say(render(&reports).trim_end())?,
    }
    Ok(if reports.iter().all(|report| report.usable) { Answer::Yes } else { Answer::No })
}

/// The reports as text: what they are for, a line for each asset, what was refused below it.
pub fn render(reports: &[Report]) -> String {
    let width = |column: fn(&Report) -> &str| reports.iter().map(|r| column(r).len()).max();
    let name = width(|report| report.name).unwrap_or(0);
    let origin = width(origin).unwrap_or(0);
    let mut text = String::new();
    for reports in reports.chunk_by(|a, b| a.purpose == b.purpose) {
        text.push_str(&format!("For {}:\n", reports[0].purpose));
        reports.iter().for_each(|report| render_one(report, name, origin, &mut text));
        text.push('\n');
    }
    text
}

fn render_one(report: &Report, name: usize, origin: usize, text: &mut String) {
    let start = format!("  {:name$}  {:origin$}  ", report.name, self::origin(report));
    let said = match (&report.found, &report.remedy) {
        (Some(found), _) if found.version.is_empty() => found.path.clone(),
        (Some(found), _) => format!("{}  ({})", found.path, found.version),
        (None, Some(remedy)) => remedy.clone(),
        (None, None) => String::new(),
    };
    text.push_str(format!("{start}{said}").trim_end());
    text.push('\n');
    for refusal in &report.refused {
        text.push_str(&format!("  {:1$}  not {refusal}\n", "", name));
    }
}

fn origin(report: &Report) -> &str {
    match &report.found {
        Some(found) => found.origin.name(),
        None => "missing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::{Need, Origin, Refusal, ReportFound};

    fn reports() -> Vec<Report> {
        let found = |origin, path: &str, version: &str| ReportFound {
            origin,
            path: path.into(),
            version: version.into(),
        };
        let refused =
            Refusal { place: "/boot/vmlinuz-6.8".into(), why: "permission denied".into() };
        vec![
            Report {
                purpose: "building an image",
                need: Need::Kernel,
                name: "kernel",
                found: Some(found(Origin::Store, "/s/boot/vmlinuz-6.1", "6.1")),
                refused: vec![refused],
                remedy: None,
                usable: true,
            },
            Report {
                purpose: "booting",
                need: Need::Ovmf,
                name: "OVMF firmware",
                found: None,
                refused: Vec::new(),
                remedy: Some("install edk2-ovmf (Fedora)".into()),
                usable: false,
            },
        ]
    }

    #[test]
    fn the_table_shows_what_was_found_and_refused() {
        assert_eq!(
            render(&reports()),
            "\
For building an image:
  kernel         store    /s/boot/vmlinuz-6.1  (6.1)
                 not /boot/vmlinuz-6.8: permission denied

For booting:
  OVMF firmware  missing  install edk2-ovmf (Fedora)

"
        );
    }

    #[test]
    fn the_json_has_ids_in_kebab_case() {
        let json = serde_json::to_value(reports()).expect("serialises");
        assert_eq!(json[0]["need"], "kernel");
        assert_eq!(json[0]["found"]["origin"], "store");
        assert_eq!(json[1]["found"], serde_json::Value::Null);
    }
}
