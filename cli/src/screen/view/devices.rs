//! A line for each device: how full its memory is, who uses it.

use ratatui::text::{Line, Span};
use sweep_shared::resources::{Device, DeviceClass};
use sweep_shared::size::Size;

use super::paint::{Paint, bar};
use crate::answer::Agent;
use crate::format;
use crate::screen::state::Screen;

const BAR: usize = 12;

/// At most so many lines; those that work come first. Agents that are away are counted in the last.
pub fn rows(screen: &Screen, width: usize, most: usize, paint: Paint) -> Vec<Line<'static>> {
    if most == 0 {
        return Vec::new();
    }
    let connected: Vec<&Agent> = screen.agents.iter().filter(|agent| agent.connected).collect();
    let away = screen.agents.len() - connected.len();
    if connected.is_empty() {
        let away = if away > 0 { format!(" ({})", format::plural(away, "agent") + " away") } else { String::new() };
        let text = format!("no agent is connected, so nothing runs{away}");
        return vec![Line::styled(format::clip(&text, width), paint.warning())];
    }
    let mut devices: Vec<(&Agent, &Device)> =
        connected.iter().flat_map(|agent| agent.devices.iter().map(move |device| (*agent, device))).collect();
    devices.sort_by_key(|(_, device)| (device.class != DeviceClass::Cuda, device.status.uses.is_empty()));
    let more = devices.len().saturating_sub(most) + away;
    let shown = if more > 0 && devices.len() > most { most - 1 } else { devices.len() };
    let mut lines: Vec<Line> =
        devices.iter().take(shown).map(|(agent, device)| line(agent, device, width, paint)).collect();
    let hidden = devices.len() - shown;
    let rest = [(hidden, "device more", "devices more"), (away, "agent away", "agents away")];
    let rest: Vec<String> = rest
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, many)| format!("{n} {}", if *n == 1 { one } else { many }))
        .collect();
    if !rest.is_empty() && lines.len() < most {
        lines.push(Line::styled(format::clip(&rest.join(", "), width), paint.dim()));
    }
    lines
}

fn line(agent: &Agent, device: &Device, width: usize, paint: Paint) -> Line<'static> {
    let name = format!("{} {}{}", agent.host, device.class.as_str(), device.index);
    let name = format!("{:<16} ", format::clip(&name, 16));
    let used = device.memory_total_bytes.saturating_sub(device.memory_free_bytes);
    let share = used as f64 / device.memory_total_bytes.max(1) as f64;
    let memory = format!(" {} of {}", Size(used), Size(device.memory_total_bytes));
    let doing = doing(agent, device);
    let room = width.saturating_sub(name.chars().count() + memory.chars().count());
    let mut spans = vec![Span::raw(format::clip(&name, width))];
    if room >= BAR {
        let (full, rest) = bar(share, BAR);
        let style = if share > 0.9 { paint.warning() } else { paint.full() };
        spans.extend([Span::styled(full, style), Span::styled(rest, paint.dim()), Span::raw(memory)]);
        let room = room - BAR;
        if room > 12 {
            spans.push(Span::styled(format!("  {}", format::clip(&doing, room - 2)), paint.dim()));
        }
    }
    Line::from(spans)
}

/// Attempts on it, or why there are none.
fn doing(agent: &Agent, device: &Device) -> String {
    let uses: Vec<&str> = device.status.uses.iter().map(|use_| use_.attempt.as_str()).collect();
    let slots = format!("{}/{} slots", uses.len(), device.slots.max(device.status.all_slots));
    let mut parts = vec![if uses.is_empty() { slots } else { format!("{slots}: {}", uses.join(" ")) }];
    if agent.draining {
        parts.push("draining".to_owned());
    }
    if device.status.closed.is_some() {
        parts.push("closed".to_owned());
    }
    if let Some(other) = device.status.others.first().filter(|_| device.class == DeviceClass::Cuda) {
        parts.push(other.to_string());
    }
    parts.join(", ")
}
