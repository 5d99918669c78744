//! AlexNet as torchvision has it (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014).

use super::ZooOptions;
use super::blocks::Sequential;
use crate::graph::{GraphBuilder, INPUT};

pub(super) fn alexnet(b: &mut GraphBuilder, options: &ZooOptions) -> String {
    let w = |channels| options.channels(channels);
    let mut x = Sequential::new(b, "features", INPUT);
    x.conv(w(64), 11, 4, 2).relu().max_pool(3, 2);
    x.conv(w(192), 5, 1, 2).relu().max_pool(3, 2);
    x.conv(w(384), 3, 1, 1).relu();
    x.conv(w(256), 3, 1, 1).relu();
    x.conv(w(256), 3, 1, 1).relu().max_pool(3, 2);
    let x = x.end();
    let x = b.adaptive_avg_pool("avgpool", &x, [6, 6]);
    let x = b.flatten("flatten", &x);
    let mut x = Sequential::new(b, "classifier", &x);
    x.dropout(0.5).linear(w(4096)).relu();
    x.dropout(0.5).linear(w(4096)).relu();
    x.linear(options.classes);
    x.end()
}
