//! Checks of meta-data: is the instance told from others?

use super::{Check, Document, Sight};
use crate::seed::login::is_hostname;
use crate::seed::yaml::{Node, Place, Value};

pub(super) const CHECKS: &[Check] = &[
    Check::error(
        "meta-data-not-a-mapping",
        "meta-data is keys and their values",
        "write `instance-id: SOMETHING`",
        |document| match document.root() {
            Some(root) if !root.is_null() && !matches!(root.value, Value::Mapping(_)) => {
                vec![Sight::of(root, format!("meta-data is {}", root.kind()))]
            }
            _ => Vec::new(),
        },
    ),
    Check::error(
        "instance-id",
        "the instance has an id, so that another seed is taken for another instance",
        "add `instance-id: SOMETHING`, and change it with the seed",
        instance_id,
    ),
    Check::error(
        "host-name",
        "the name of the host is one that a host may have",
        "use letters, digits and hyphens, in parts of at most 63 with dots between",
        |document| {
            let keys = ["local-hostname", "hostname"].into_iter();
            let names = keys.filter_map(|key| document.root()?.get(key));
            let bad = names.filter(|name| !name.text().is_some_and(is_hostname));
            bad.map(|name| Sight::of(name, "this is no host name")).collect()
        },
    )
    .warning(),
];

fn instance_id(document: &Document) -> Vec<Sight> {
    let Some(root) = document.root() else { return Vec::new() };
    match root.get("instance-id") {
        Some(id) if id.is_null() || id.text() == Some("") => {
            vec![Sight::of(id, "the instance-id is empty")]
        }
        Some(_) => Vec::new(),
        None => {
            let near = |(key, _): &&(Node, Node)| {
                let name = key.text().unwrap_or_default().to_lowercase().replace(['_', ' '], "-");
                name == "instance-id" || name == "instanceid"
            };
            let place = root.entries().iter().find(near).map(|(key, _)| key.place);
            let saw = "there is no instance-id: every seed is then the instance `nocloud`, and what \
                       changed in it is not done again";
            vec![Sight::at(place.unwrap_or(Place { line: 1, column: 1 }), saw)]
        }
    }
}
