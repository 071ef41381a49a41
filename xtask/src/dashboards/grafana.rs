//! A dashboard as data, and as the JSON that Grafana reads.

use serde_json::{Value, json};

/// Columns of Grafana's grid.
const COLUMNS: u32 = 24;
/// What stands in queries for the labels of a part of the release.
const PARTS: [(&str, &str); 5] = [
    ("@scaler", r#"namespace="$namespace",job="$release-scaler""#),
    ("@leader", r#"namespace="$namespace",job="$release-leader""#),
    ("@worker", r#"namespace="$namespace",job="$namespace/$release-worker""#),
    ("@broker", r#"job=~"$broker""#),
    ("@keda", r#"exported_namespace="$namespace",scaledObject=~"$release-worker-.+""#),
];

/// A dashboard.
pub(super) struct Board {
    /// Its name in addresses and files; it never changes.
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    /// Besides those that every dashboard has.
    pub(super) variables: &'static [Variable],
    pub(super) rows: &'static [Row],
}

/// Something that is chosen above the panels.
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// What there is to choose from.
    pub(super) query: &'static str,
    /// The part that is shown, in Grafana's slashes; all of it when empty.
    pub(super) regex: &'static str,
    /// Several may be chosen, and all are at first.
    pub(super) several: bool,
}

/// Panels below one heading.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: &'static [Panel],
}

/// One panel.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What it says and what it does not, for whoever hovers over it.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// As Grafana calls it.
    pub(super) unit: &'static str,
    /// A query, and how its series are called.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

/// How a panel looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The newest number.
    Number,
    /// The newest number, red above 0.
    Alarm,
    /// Lines over time.
    Lines,
    /// Areas over time, one upon the other.
    Areas,
    /// What was the case when.
    States,
}

/// Variables of every dashboard but the datasource.
const COMMON: [Variable; 2] = [
    Variable {
        name: "namespace",
        query: r#"label_values(up{job=~".+-(scaler|worker|leader)"}, namespace)"#,
        regex: "",
        several: false,
    },
    Variable {
        name: "release",
        query: r#"label_values(up{namespace="$namespace",job=~".+-(scaler|worker|leader)"}, job)"#,
        regex: r"/(?:.*\/)?(.+)-(?:scaler|worker|leader)$/",
        several: false,
    },
];

impl Board {
    /// As the file holds it.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&self.json())? + "\n")
    }

    fn json(&self) -> Value {
        let datasource =
            json!({ "name": "datasource", "type": "datasource", "query": "prometheus" });
        let variables = COMMON.iter().chain(self.variables).map(variable);
        let variables: Vec<Value> = [datasource].into_iter().chain(variables).collect();
        json!({
            "uid": self.uid,
            "title": self.title,
            "tags": ["zero-prover"],
            "timezone": "browser",
            "schemaVersion": 39,
            "refresh": "30s",
            "time": { "from": "now-6h", "to": "now" },
            "links": [{
                "type": "dashboards", "title": "zero-prover", "tags": ["zero-prover"],
                "asDropdown": true, "keepTime": true, "includeVars": true,
            }],
            "templating": { "list": variables },
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let mut y = 0;
        for row in self.rows {
            let id = panels.len() + 1;
            let place = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": y });
            let heading = json!({ "id": id, "type": "row", "title": row.title,
                "collapsed": false, "gridPos": place, "panels": [] });
            panels.push(heading);
            y += 1;
            let (mut x, mut tallest) = (0, 0);
            for panel in row.panels {
                let (width, height) = panel.kind.size();
                if x + width > COLUMNS {
                    (x, y, tallest) = (0, y + tallest, 0);
                }
                let place = json!({ "h": height, "w": width, "x": x, "y": y });
                panels.push(panel.json(panels.len() + 1, &place));
                (x, tallest) = (x + width, tallest.max(height));
            }
            y += tallest;
        }
        panels
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let targets = self.queries.iter().zip('A'..).map(|((query, legend), letter)| {
            json!({
                "refId": letter.to_string(),
                "datasource": source(),
                "expr": with_labels(query),
                "legendFormat": legend,
                "instant": self.kind.is_newest(),
                "range": !self.kind.is_newest(),
            })
        });
        json!({
            "id": id,
            "type": self.kind.word(),
            "title": self.title,
            "description": self.about,
            "datasource": source(),
            "gridPos": place,
            "fieldConfig": { "defaults": self.field(), "overrides": [] },
            "options": self.kind.options(),
            "targets": targets.collect::<Vec<_>>(),
        })
    }

    fn field(&self) -> Value {
        let custom = self.kind.custom();
        if self.kind != Kind::Alarm {
            return json!({ "unit": self.unit, "min": 0, "custom": custom });
        }
        let thresholds = json!({ "mode": "absolute", "steps": [
            { "color": "green", "value": null }, { "color": "red", "value": 1 },
        ] });
        json!({ "unit": self.unit, "min": 0, "custom": custom, "thresholds": thresholds })
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Number | Self::Alarm => "stat",
            Self::Lines | Self::Areas => "timeseries",
            Self::States => "state-timeline",
        }
    }

    fn is_newest(self) -> bool {
        matches!(self, Self::Number | Self::Alarm)
    }

    fn size(self) -> (u32, u32) {
        if self.is_newest() { (4, 4) } else { (12, 8) }
    }

    fn custom(self) -> Value {
        match self {
            // A gap is a number that was not known.
            Self::Lines => json!({ "fillOpacity": 5, "spanNulls": false }),
            Self::Areas => json!({ "fillOpacity": 40, "spanNulls": false,
                "stacking": { "mode": "normal", "group": "A" } }),
            Self::Number | Self::Alarm | Self::States => json!({}),
        }
    }

    fn options(self) -> Value {
        match self {
            Self::Number | Self::Alarm => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": if self == Self::Alarm { "background" } else { "value" },
                "graphMode": "none",
            }),
            Self::Lines | Self::Areas => json!({
                "legend": { "displayMode": "list", "placement": "bottom" },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Self::States => json!({ "mergeValues": true, "showValue": "never" }),
        }
    }
}

fn variable(variable: &Variable) -> Value {
    let all = json!({ "text": ["All"], "value": ["$__all"] });
    json!({
        "name": variable.name,
        "type": "query",
        "datasource": source(),
        "query": { "query": with_labels(variable.query), "refId": variable.name },
        "regex": variable.regex,
        "refresh": 2,
        "sort": 1,
        "multi": variable.several,
        "includeAll": variable.several,
        "current": if variable.several { all } else { json!({}) },
    })
}

fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

fn with_labels(query: &str) -> String {
    PARTS.iter().fold(query.to_owned(), |query, (part, labels)| query.replace(part, labels))
}
