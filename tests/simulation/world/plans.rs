//! Plans, as text, as users write them: small pipelines of commands and networks with every policy that a plan can have.

use std::fmt::Write as _;

use crate::dice::Dice;

/// A plan that can be written again with changes.
#[derive(Debug, Clone)]
pub struct Plan {
    name: String,
    priority: i64,
    budget: Option<&'static str>,
    stages: Vec<Stage>,
}

#[derive(Debug, Clone)]
struct Stage {
    name: String,
    kind: Kind,
    input: Option<String>,
    axis: u64,
    lines: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Reports on descriptor 3, and has checkpoints.
    Events,
    /// Has no checkpoints: its status says all.
    Exit,
    /// A network, with a measure job after it.
    Train,
}

impl Plan {
    pub fn draw(dice: &mut Dice) -> Self {
        let mut plan = Self {
            name: format!("plan-{}", dice.within(1..=1000)),
            priority: dice.within(0..=2) as i64,
            budget: dice.pick(&[None, None, None, None, Some("cpu_hours: 0.03"), Some("gpu_hours: 0.02")]).flatten(),
            stages: Vec::new(),
        };
        for _ in 0..dice.within(2..=3) {
            plan.add_stage(dice);
        }
        plan
    }

    /// Changed as users change plans: a stage more, one less, other policies.
    pub fn amended(&self, dice: &mut Dice) -> Self {
        let mut plan = self.clone();
        match dice.within(0..=4) {
            0 | 1 => plan.add_stage(dice),
            2 => {
                let last = plan.stages.last().map(|stage| stage.name.clone());
                plan.stages.retain(|stage| Some(&stage.name) != last.as_ref() || self.stages.len() == 1);
            }
            3 => plan.priority = dice.within(0..=3) as i64,
            _ => {
                if let Some(stage) = plan.stages.first_mut().filter(|stage| stage.kind != Kind::Train) {
                    stage.axis += 1;
                }
            }
        }
        if plan.budget.is_some() {
            plan.budget = Some("cpu_hours: 100, gpu_hours: 100");
        }
        plan
    }

    fn add_stage(&mut self, dice: &mut Dice) {
        let kind =
            dice.pick(&[Kind::Events, Kind::Events, Kind::Events, Kind::Exit, Kind::Train]).unwrap_or(Kind::Events);
        let names: Vec<String> = self.stages.iter().filter(|s| s.kind != Kind::Train).map(|s| s.name.clone()).collect();
        let input = if kind != Kind::Train && dice.chance(60) { dice.pick(&names) } else { None };
        let number = self.stages.iter().filter_map(|stage| stage.name[1..].parse::<u32>().ok()).max().unwrap_or(0) + 1;
        let mut lines = Vec::new();
        if let Some(device) = dice.pick(&[None, None, Some("cpu"), Some("cuda")]).flatten() {
            lines.push(format!("device: {device}"));
        }
        if dice.chance(30) {
            lines.push(format!("priority: {}", dice.within(0..=3)));
        }
        if dice.chance(50) {
            lines.push(format!("retries: {}", dice.within(0..=2)));
        }
        if dice.chance(25) {
            lines.push(format!("losses: {}", dice.within(0..=2)));
        }
        if dice.chance(15) {
            lines.push(format!("max_hours: {}", dice.pick(&["0.01", "0.03"]).unwrap_or("0.03")));
        }
        let axis = if kind == Kind::Train { 1 } else { dice.within(1..=3) };
        self.stages.push(Stage { name: format!("w{number}"), kind, input, axis, lines });
    }

    pub fn yaml(&self) -> String {
        let mut text = format!("name: {}\npriority: {}\n", self.name, self.priority);
        if let Some(budget) = self.budget {
            let _ = writeln!(text, "budget: {{ {budget} }}");
        }
        if self.stages.iter().any(|stage| stage.kind == Kind::Train) {
            text.push_str("data: synthetic\n");
        }
        text.push_str("stages:\n");
        for stage in &self.stages {
            stage.write(&mut text);
        }
        text
    }
}

impl Stage {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "  {}:", self.name);
        if self.kind == Kind::Train {
            // Whose batches can be split once.
            let _ = writeln!(text, "    train: {{ model: small-cnn, epochs: 2, batch: 4 }}");
        } else {
            let protocol = if self.kind == Kind::Exit { "exit" } else { "events" };
            let input = self.input.as_ref().map_or(String::new(), |input| format!(", input: {input}"));
            let _ =
                writeln!(text, "    command: {{ run: [work, \"${{x}}\"], protocol: {protocol}, reuse: true{input} }}");
            let axis: Vec<String> = (1..=self.axis).map(|value| value.to_string()).collect();
            let _ = writeln!(text, "    matrix: {{ x: [{}] }}", axis.join(", "));
        }
        for line in &self.lines {
            let _ = writeln!(text, "    {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_drawn_equal_from_equal_dice() {
        assert_eq!(Plan::draw(&mut Dice::new(7)).yaml(), Plan::draw(&mut Dice::new(7)).yaml());
        assert_ne!(Plan::draw(&mut Dice::new(7)).yaml(), Plan::draw(&mut Dice::new(8)).yaml());
    }
}
