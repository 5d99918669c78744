//! How hot the cards are, and how busy.

use serde_json::{Value, json};

use crate::lab::{Lab, SECOND, SMALL};

#[test]
fn what_a_cards_sensors_say_is_reported_and_what_it_lacks_is_left_out() {
    let warm = "sensors GPU-aaaa 61 97 209700 350000";
    // A laptop's: no power is told, nothing limits it.
    let lab = Lab::open(&[SMALL, SECOND, warm, "sensors GPU-bbbb 40 0 - -"], "", 1);
    let sensors = |lab: &Lab, index: usize| lab.gpus().get(index).map(|gpu| gpu["status"]["sensors"].clone());
    let are = |what: &str, index: usize, wanted: &Value| {
        lab.until(what, || sensors(&lab, index).filter(|sensors| sensors == wanted));
    };
    let full = json!({ "temperature_c": 61, "busy_percent": 97, "power_mw": 209_700, "power_limit_mw": 350_000 });
    let none = json!({ "temperature_c": null, "busy_percent": null, "power_mw": null, "power_limit_mw": null });
    are("all sensors are there", 0, &full);
    let half = json!({ "temperature_c": 40, "busy_percent": 0, "power_mw": null, "power_limit_mw": null });
    are("two sensors are there", 1, &half);
    let table = lab.home.run(&["agents"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("61 °C, 97 % busy, 210 of 350 W") && table.contains("40 °C, 0 % busy"), "{table}");

    lab.tell(&[SMALL, SECOND, "sensors GPU-aaaa 83 100 350000 350000"]);
    are(
        "it has become hotter",
        0,
        &json!({ "temperature_c": 83, "busy_percent": 100, "power_mw": 350_000, "power_limit_mw": 350_000 }),
    );
    are("a card without sensors says nothing", 1, &none);
    // How a card was before it was lost is not how it is.
    lab.tell(&[SMALL, SECOND, "sensors GPU-aaaa 83 100 350000 350000", "lost GPU-aaaa"]);
    are("a lost card says nothing", 0, &none);
}
