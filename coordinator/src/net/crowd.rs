//! How many may be connected at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts connections, in all and by address.
#[derive(Debug, Clone)]
pub struct Crowd {
    most: usize,
    most_of_one: usize,
    here: Arc<Mutex<Here>>,
}

#[derive(Debug, Default)]
struct Here {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place. Dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, here: Arc::default() }
    }

    /// `None`: there are too many already. This machine's own are bounded in all only.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut here = self.here.lock().expect("no holder panics");
        let of_one = here.by_address.get(&address).copied().unwrap_or(0);
        if here.all >= self.most || (of_one >= self.most_of_one && !address.is_loopback()) {
            return None;
        }
        here.all += 1;
        here.by_address.insert(address, of_one + 1);
        Some(Place { crowd: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut here = self.crowd.here.lock().expect("no holder panics");
        here.all -= 1;
        if let Some(count) = here.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                here.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_places() {
        let crowd = Crowd::new(3, 2);
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let first = crowd.enter(one).unwrap();
        let _second = crowd.enter(one).unwrap();
        assert!(crowd.enter(one).is_none());
        let _third = crowd.enter(two).unwrap();
        assert!(crowd.enter(two).is_none(), "it is full");
        drop(first);
        assert!(crowd.enter(one).is_some());
        assert_eq!(crowd.here.lock().unwrap().all, 2);
    }
}
