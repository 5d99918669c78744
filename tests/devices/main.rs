//! Stories of shared and failing GPUs, told by what the user sees: `sweep serve`, `sweep agent` and commands, as built; the real
//! `nvml-wrapper` in the agent, which loads a libnvidia-ml of ours (`nvml/nvml.c`) that plays the cards of each story.

mod lab;

mod errors;
mod owner;
mod release;
mod sensors;
mod sharing;
