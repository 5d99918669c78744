//! What to do with what is due: a pure decision.

use std::collections::{BTreeMap, HashMap};

use super::super::channels::Address;
use super::super::pace::Rate;
use crate::store::notices::{Due, NoticeId};

/// The next thing to do for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Send(Due),
    /// More waits than the address may be sent: it becomes one notice.
    Fold(Vec<NoticeId>),
    Wait {
        until_ms: i64,
    },
}

/// One step for each address. `sent`: when copies went out to it lately, in order.
pub fn steps(due: &[Due], sent: &HashMap<Address, Vec<i64>>, now_ms: i64) -> Vec<(Address, Step)> {
    let mut by_address: BTreeMap<&Address, Vec<&Due>> = BTreeMap::new();
    for copy in due {
        by_address.entry(&copy.copy.to).or_default().push(copy);
    }
    let step = |(to, waiting): (&Address, Vec<&Due>)| {
        let (rate, sent) = (Rate::of(to), sent.get(to).map_or(&[][..], Vec::as_slice));
        (to.clone(), of_address(rate, &waiting, sent, now_ms))
    };
    by_address.into_iter().map(step).collect()
}

fn of_address(rate: Rate, waiting: &[&Due], sent: &[i64], now_ms: i64) -> Step {
    let next_ms = rate.next_ms(sent, now_ms);
    if next_ms > now_ms {
        return Step::Wait { until_ms: next_ms };
    }
    // With its last token an address is sent all that waits for it; what comes later waits for the next one.
    let with_another: Vec<i64> = sent.iter().copied().chain([now_ms]).collect();
    let is_last = rate.next_ms(&with_another, now_ms) > now_ms;
    match waiting {
        [first] => Step::Send((*first).clone()),
        several if is_last => Step::Fold(several.iter().map(|due| due.copy.notice).collect()),
        several => Step::Send(several[0].clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::notices::CopyId;

    const NOW: i64 = 1_000_000_000;

    fn due(notice: i64, to: &Address) -> Due {
        let copy = CopyId { notice: NoticeId(notice), to: to.clone() };
        Due { copy, tries: 0, not_before_ms: NOW, at_ms: NOW }
    }

    fn mail() -> Address {
        Address::Email("me@x.example".to_owned())
    }

    fn step(due: &[Due], sent: &[i64]) -> Step {
        let sent = HashMap::from([(mail(), sent.to_vec())]);
        steps(due, &sent, NOW).remove(0).1
    }

    #[test]
    fn within_the_rate_each_goes_by_itself_the_oldest_first() {
        let all = [due(1, &mail()), due(2, &mail())];
        assert_eq!(step(&all, &[]), Step::Send(all[0].clone()));
        assert_eq!(step(&all, &[NOW; 8]), Step::Send(all[0].clone()));
    }

    #[test]
    fn what_is_too_much_becomes_one() {
        let all = [due(1, &mail()), due(2, &mail()), due(5, &mail())];
        assert_eq!(step(&all, &[NOW; 9]), Step::Fold([1, 2, 5].map(NoticeId).to_vec()));
        assert_eq!(step(&all[..1], &[NOW; 9]), Step::Send(all[0].clone()));
        assert_eq!(step(&all, &[NOW; 10]), Step::Wait { until_ms: NOW + 300_000 });
    }

    #[test]
    fn addresses_do_not_wait_for_each_other() {
        let phone = Address::Sms("+15550100".to_owned());
        let all = [due(1, &mail()), due(1, &phone)];
        let sent = HashMap::from([(phone.clone(), vec![NOW; 5])]);
        let found: HashMap<_, _> = steps(&all, &sent, NOW).into_iter().collect();
        assert_eq!(found[&mail()], Step::Send(all[0].clone()));
        assert_eq!(found[&phone], Step::Wait { until_ms: NOW + 900_000 });
    }
}
