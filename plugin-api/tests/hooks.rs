//! Each hook through the entry points of a module: what goes in, what comes out, and what is not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dhcpmgr_plugin_api::message::V4Report;
use dhcpmgr_plugin_api::testing::{Harness, v4_event};
use dhcpmgr_plugin_api::{
    CallError, Candidate, Deferral, Emitted, Handler, HandlerError, Happening, Hook, LeaseEvent, Manifest,
    MessageKind, Options, OptionsQuery, Otherwise, Parameter, ParameterChange, ParametersQuery, Plan,
    Proposal, Protocol, Reaction, Setting, SettingKind, Settings, Verdict, When,
};

/// Says something at every hook.
struct Everything;

impl Handler for Everything {
    fn manifest() -> Manifest {
        Manifest::new("everything", "1.0.0")
            .protocol(Protocol::V4)
            .hooks(Hook::ALL)
            .events(["lease-lost"])
            .overrides("v4.mtu")
            .setting(Setting::new("limit", SettingKind::Integer).range(0, 9).required())
    }

    fn create(_: &Settings) -> Result<Self, HandlerError> {
        Ok(Self)
    }

    fn options(&mut self, query: &OptionsQuery) -> Result<Options, HandlerError> {
        let only = When::exactly([MessageKind::Discover]);
        Ok(Options::default().request(43).send_in(only, 60, query.client.as_str()))
    }

    fn validate(&mut self, candidate: &Candidate) -> Result<Verdict, HandlerError> {
        if candidate.in_force {
            return Ok(Verdict::default());
        }
        Ok(Verdict::defer_or_refuse(200, "the line is not measured yet"))
    }

    fn lease(&mut self, event: &LeaseEvent) -> Result<Plan, HandlerError> {
        Ok(Plan::default().with_parameter("colour", event.policy.parameters["X_ACME_Colour"].clone()))
    }

    fn decide(&mut self, proposal: &Proposal) -> Result<Verdict, HandlerError> {
        Ok(match proposal.plan.mtu {
            Some(_) => Verdict::replace(proposal.plan.clone().with_mtu(1400)),
            None => Verdict::refuse("without an MTU"),
        })
    }

    fn event(&mut self, happening: &Happening) -> Result<Reaction, HandlerError> {
        Ok(Reaction::default().with_event(Emitted::new("seen").with("event", &happening.event)))
    }

    fn parameters(&mut self, query: &ParametersQuery) -> Result<Vec<Parameter>, HandlerError> {
        let colour = query.parameters.get("X_ACME_Colour").map_or("red", String::as_str);
        Ok(vec![Parameter::text("X_ACME_Colour", colour).writable()])
    }

    fn set_parameter(&mut self, change: &ParameterChange) -> Result<(), HandlerError> {
        match change.value.as_str() {
            "red" | "blue" => Ok(()),
            other => Err(HandlerError::new(format!("{other} is no colour"))),
        }
    }
}

/// Written for API 1.0: it knows of leases only.
struct Old;

impl Handler for Old {
    fn manifest() -> Manifest {
        Manifest::new("old", "1.0.0").protocol(Protocol::V4)
    }
    fn create(_: &Settings) -> Result<Self, HandlerError> {
        Ok(Self)
    }
    fn lease(&mut self, _: &LeaseEvent) -> Result<Plan, HandlerError> {
        Ok(Plan::default().with_mtu(1280))
    }
}

fn lease() -> LeaseEvent {
    v4_event(V4Report::default())
}

fn query() -> ParametersQuery {
    ParametersQuery::new("wan4".parse().unwrap(), "wan0".parse().unwrap(), Protocol::V4)
}

#[test]
fn every_hook_is_asked_and_answers() {
    let mut handler = Harness::<Everything>::new().unwrap();

    let about = OptionsQuery::new("wan4".parse().unwrap(), "wan0".parse().unwrap(), Protocol::V4);
    let options = handler.options(&about).unwrap();
    assert_eq!((options.request[0].code, &options.send[0].value.0[..]), (43, &b"wan4"[..]));
    assert!(options.send[0].when.exactly && !options.send[0].when.is_always());

    let mut candidate = Candidate::new(lease());
    let deferral =
        Deferral { ms: 200, reason: "the line is not measured yet".into(), otherwise: Otherwise::Refuse };
    assert_eq!(handler.validate(&candidate), Ok(Verdict::Defer(deferral)));
    candidate.in_force = true;
    assert_eq!(handler.validate(&candidate), Ok(Verdict::Continue));

    let proposal = Proposal::new(lease(), Plan::default().with_mtu(1500));
    let Ok(Verdict::Replace(plan)) = handler.decide(&proposal) else { panic!("it replaces") };
    assert_eq!(*plan, Plan::default().with_mtu(1400));
    let without = Proposal::new(lease(), Plan::default());
    assert_eq!(handler.decide(&without), Ok(Verdict::refuse("without an MTU")));

    let reaction = handler.event(&Happening::of("lease-lost", lease())).unwrap();
    assert_eq!(reaction.events, [Emitted::new("seen").with("event", "lease-lost")]);
}

#[test]
fn what_is_written_to_a_parameter_comes_back_with_every_question() {
    let mut handler = Harness::<Everything>::new().unwrap();
    let change = |value: &str| ParameterChange::new(query(), "X_ACME_Colour", value);
    assert_eq!(handler.set_parameter(&change("blue")), Ok(()));
    assert_eq!(
        handler.set_parameter(&change("loud")),
        Err(CallError::Failed("loud is no colour".to_owned()))
    );
    let mut written = query();
    assert_eq!(handler.parameters(&written).unwrap()[0].value, "red");
    written.parameters.insert("X_ACME_Colour".into(), "blue".into());
    assert_eq!(handler.parameters(&written).unwrap()[0].value, "blue");
    let mut event = lease();
    event.policy.parameters = written.parameters;
    assert_eq!(handler.lease(&event).unwrap().parameters["colour"], "blue");
}

#[test]
fn a_handler_for_1_0_knows_the_lease_and_nothing_else() {
    let mut handler = Harness::<Old>::new().unwrap();
    assert_eq!(handler.lease(&lease()), Ok(Plan::default().with_mtu(1280)));
    assert_eq!(handler.validate(&Candidate::new(lease())), Err(CallError::Unsupported(3)));
    let proposal = Proposal::new(lease(), Plan::default());
    assert_eq!(handler.decide(&proposal), Err(CallError::Unsupported(4)));
    assert_eq!(handler.parameters(&query()), Err(CallError::Unsupported(6)));
    assert_eq!(handler.call(99, &[]), Err(CallError::Unsupported(99)));
}

#[test]
fn a_hook_that_is_named_but_not_written_says_so() {
    struct Forgetful;
    impl Handler for Forgetful {
        fn manifest() -> Manifest {
            Manifest::new("forgetful", "1.0.0").protocol(Protocol::V4).hooks([Hook::Validate])
        }
        fn create(_: &Settings) -> Result<Self, HandlerError> {
            Ok(Self)
        }
    }
    let mut handler = Harness::<Forgetful>::new().unwrap();
    let told = handler.validate(&Candidate::new(lease())).unwrap_err().to_string();
    assert_eq!(told, "its manifest names the hook validate, but the handler does not implement it");
    assert_eq!(handler.lease(&lease()), Err(CallError::Unsupported(1)));
}

#[test]
fn the_manifest_says_all_of_it() {
    let manifest = Harness::<Everything>::manifest().unwrap();
    assert_eq!(manifest.hooks.iter().collect::<Vec<_>>(), Hook::ALL);
    assert!(manifest.wants_event("lease-lost") && !manifest.wants_event("lease-renewed"));
    assert_eq!(manifest.overrides, ["v4.mtu"]);
    let wrong = manifest.check_settings(&Settings::default());
    assert_eq!(wrong[0].to_string(), "settings.limit: is missing; accepted: a whole number from 0 to 9");
}
