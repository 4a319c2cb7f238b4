"""The registry: every finding a rehearsal can make, one row each, in the order of its stages.

A code here has a detector, a canister pair that trips it and one that does not
(``tests/sandbox/rehearsal/samples.py``); what has none stands in ``docs/rehearse.md`` with
the reason. Codes never change their meaning. The module is as long as the table.
Source: reference/upgrade_failures.md.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from sandbox.errors import UsageError
from sandbox.rehearsal.findings import Entry, Fact, Finding, Harm, Severity, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FAILURE, WARNING, NOTE = Severity.FAILURE, Severity.WARNING, Severity.NOTE
BRICK, LOSS, OUTAGE, SILENT = Harm.BRICK, Harm.LOSS, Harm.OUTAGE, Harm.SILENT

ROWS: Final = (
    Entry(
        "R07", "The start state is not complete", WARNING, OUTAGE,
        "What the rehearsal starts from lacks a part of the canister's state, so the real "
        "canister may behave differently.",
        "The parts of the imported snapshot are looked over: timer, low-memory hook, "
        "and certified data where the module certifies.",
        "Download the snapshot anew with a current dfx or icp-cli; do not assemble it by hand.",
        "https://github.com/dfinity/developer-docs/pull/84",
    ),
    Entry(
        "S01", "The new module would be refused", FAILURE, OUTAGE,
        "The module imports a function the IC does not have, or breaks a rule for modules: "
        "install_code rejects it and nothing is upgraded.",
        "The module is parsed and checked against the replica's rules.",
        "Build against the system API of the target; the reason below names what is refused.",
        "https://github.com/dfinity/papi/pull/128",
    ),
    Entry(
        "S02", "The interface breaks its clients", FAILURE, OUTAGE,
        "A method is gone, or its type is no subtype of what old clients were built with: "
        "their calls fail.",
        "The interfaces that the old and the new module carry (candid:service, else what "
        "get_candid_pointer returns) are compared as subtypes, with paths; where one carries "
        "none, the names of their methods.",
        "Keep the old method beside the new one, and make new fields and arguments opt.",
        "https://github.com/caffeinelabs/motoko/issues/3858",
    ),
    Entry(
        "S03", "Old clients silently read null", WARNING, SILENT,
        "The types differ under an opt: the upgrade is legal, and old clients (or the new "
        "service) see null where there is a value.",
        "The subtype check lists each place where only the opt rule made it pass.",
        "Give the changed data a new field or method and leave the old one as it is.",
        "https://github.com/dfinity/candid/issues/295",
    ),
    Entry(
        "S04", "Motoko's stable variables do not fit", FAILURE, LOSS,
        "A stable variable is dropped, or its type changes in a way that cannot carry the data "
        "over. Classical persistence starts it anew without a word; enhanced refuses.",
        "motoko:stable-types of both modules are compared as moc --stable-compatible does, "
        "and never more leniently.",
        "Write an explicit migration function: (with migration = func(old) { … }).",
        "https://github.com/caffeinelabs/motoko/issues/2692",
    ),
    Entry(
        "S05", "An enhanced-persistence heap would be dropped", FAILURE, LOSS,
        "The canister keeps its data in the heap (Motoko's enhanced orthogonal persistence), "
        "and the upgrade does not ask to keep it: rejected, or with replace all data is gone.",
        "The module's enhanced-orthogonal-persistence section against the persistence asked for.",
        "Upgrade with wasm_memory_persistence = keep (persistence auto or keep here).",
        "https://github.com/dfinity/pic-js/issues/146",
    ),
    Entry(
        "S06", "There is no way back to classical persistence", WARNING, BRICK,
        "This is the first version with enhanced orthogonal persistence; once it runs, the "
        "old module cannot be installed over it.",
        "The section appears in the new module and is not in the old one.",
        "Take a snapshot before the upgrade: it is the only way back.",
        "https://github.com/caffeinelabs/motoko/pull/4923",
    ),
    Entry(
        "S07", "keep is asked of a module that cannot", FAILURE, OUTAGE,
        "wasm_memory_persistence = keep needs a module with enhanced orthogonal persistence; "
        "install_code rejects any other.",
        "The new module's sections against the persistence asked for.",
        "Leave the option out (persistence auto here).",
        "https://github.com/demergent-labs/azle/issues/2694",
    ),
    Entry(
        "S08", "A system hook is gone", WARNING, SILENT,
        "The old module exported a hook that the new one does not: nobody calls what it did. "
        "A pre_upgrade without a post_upgrade to read what it saved is data lost.",
        "The exported hooks of both modules are compared.",
        "Export the hook again, or make sure nothing depends on it any more.",
        "https://github.com/dfinity/papi/pull/231",
    ),
    Entry(
        "S09", "Metadata is gone or has changed hands", WARNING, SILENT,
        "Tools find interface, stable types and function names in custom sections; shrinking "
        "tools drop them, and a section that turns private is gone for all but controllers.",
        "The icp: sections and the name section of both modules are compared.",
        "Tell the build to keep them: ic-wasm shrink --keep-name-section, "
        "and metadata set -v public.",
        "https://internetcomputer.org/docs/current/developer-docs/smart-contracts/maintain/backtraces",
    ),
    Entry(
        "S10", "The module is the one that runs already", WARNING, SILENT,
        "Old and new module have the same hash: the upgrade changes nothing, and is mostly a "
        "sign of the wrong file.",
        "SHA-256 of both modules as installed.",
        "Check which file the build wrote, and whether it was compressed as in the proposal.",
        "https://github.com/dfinity/ic/pull/10458",
    ),
    Entry(
        "S11", "The canister would be installed anew", FAILURE, LOSS,
        "The mode is reinstall or install where an upgrade was meant: reinstall does away with "
        "heap and stable memory, install is refused by a canister that is not empty.",
        "The mode of the plan; the bytes in use are what would vanish.",
        "Upgrade. If starting from nothing is meant, say so with --accept S11, and take a "
        "snapshot first.",
        "https://forum.dfinity.org/t/17605",
    ),
    Entry(
        "P01", "pre_upgrade traps: no upgrade is possible", FAILURE, BRICK,
        "pre_upgrade belongs to the installed module. When it traps, this and every later "
        "upgrade fails, whatever the new module is.",
        "The installed module's pre_upgrade is run on this state; then the new module's own, "
        "by upgrading the new module to itself.",
        "Installed already: upgrade with skip_pre_upgrade if what it saves can be spared, or "
        "load a snapshot. About to be installed: do not ship it.",
        "https://forum.dfinity.org/t/watch-out-for-foot-guns-with-canister-upgrades/8954",
    ),
    Entry(
        "P02", "pre_upgrade uses up the instructions", FAILURE, BRICK,
        "pre_upgrade, start and post_upgrade share one instruction limit. Serialising a "
        "growing state runs into it, and then no upgrade is possible any more.",
        "Metered under the production limit; from half of it on, a warning. With --grow the state "
        "is made 2, 4 and 8 times as large, and the fit says when the limit is reached. Then the "
        "upgrade of today's state is run once more, to name the functions that use most.",
        "Keep data in stable memory and write nothing in pre_upgrade.",
        "https://github.com/dfinity/invoice-canister/issues/23",
    ),
    Entry(
        "P03", "The heap is nearly full during the upgrade", FAILURE, BRICK,
        "Serialising needs heap beside the data. At the limit the hook traps.",
        "The heap's size after each phase against the limit (4 GiB, 6 GiB for wasm64, "
        "or wasm_memory_limit); from 85 % on, a warning. With --grow, when it will be full.",
        "Free memory before upgrading, stream instead of building one buffer, raise "
        "wasm_memory_limit if that is what is in the way.",
        "https://forum.dfinity.org/t/watch-out-for-foot-guns-with-canister-upgrades/8954",
    ),
    Entry(
        "P04", "pre_upgrade writes too much stable memory", FAILURE, BRICK,
        "One message may change only so many stable pages; a hook that rewrites everything "
        "is refused once there is too much.",
        "Stable pages written by a phase against the limit; from half of it on, a warning.",
        "Write incrementally while running, not all at once in the hook.",
        "https://github.com/dfinity/portal/pull/2878",
    ),
    Entry(
        "P05", "The upgrade is refused for its cycles", FAILURE, OUTAGE,
        "install_code takes the price of the whole instruction limit in advance; below it, and "
        "below the freezing threshold, the upgrade does not begin.",
        "The upgrade is run with the canister's own balance.",
        "Top the canister up before the upgrade.",
        "https://github.com/dfinity/interface-spec/issues/199",
    ),
    Entry(
        "P06", "Replies in flight reach the wrong code", FAILURE, LOSS,
        "A callback is a place in the function table. After an upgrade the table is another "
        "one: a reply that was under way traps, or calls whatever stands there now.",
        "The start state has calls in flight; after the upgrade virtual time moves on and "
        "their replies come in. Also, as a note, while your traffic waits for those it calls.",
        "Stop the canister before the upgrade; stopping waits for the replies.",
        "https://github.com/caffeinelabs/motoko/issues/2676",
    ),
    Entry(
        "P07", "The canister cannot be stopped", WARNING, BRICK,
        "A safe upgrade begins with a stop, and stopping waits for every answer that is still to "
        "come. A callee that is slow, broken or hostile makes it wait for ever.",
        "The canister is stopped as it is, and given the IC's five minutes; then while those that "
        "the plan's traffic calls do not answer (a note: it takes an unreliable callee).",
        "Call others with bounded wait (call_with_best_effort_response). Now: wait, or upgrade "
        "running and accept P06.",
        "https://forum.dfinity.org/t/prioritize-safe-instantaneous-canister-upgrades/9039",
    ),
    Entry(
        "P08", "Upgrading again changes the data again", FAILURE, LOSS,
        "A migration that is not idempotent runs once more with the next release and converts "
        "what is converted already.",
        "The new module is upgraded to itself; the probes must see what they saw before. Numbers "
        "that go up by one are a warning: they may count upgrades. Also after your traffic: what "
        "it wrote has to outlast the next upgrade.",
        "Store a version with the data and migrate only from the version before.",
        "https://github.com/dfinity/ic/pull/746",
    ),
    Entry(
        "P09", "skip_pre_upgrade would lose data", NOTE, LOSS,
        "The emergency exit from a broken pre_upgrade leaves out what that hook would have "
        "saved.",
        "The same upgrade with skip_pre_upgrade; what the probes then see, or how it fails.",
        "Do not count on it: have a snapshot.",
        "https://forum.dfinity.org/t/17605",
    ),
    Entry(
        "Q01", "The upgrade depends on its argument", NOTE, SILENT,
        "With another argument the outcome is different: a missing or empty one makes "
        "post_upgrade trap. A proposal then shows as executed, and nothing was upgraded.",
        "The upgrade with the argument given, with no bytes, and with ().",
        "Put exactly the rehearsed bytes into the proposal, and compare the module hash after.",
        "https://github.com/dfinity/ic/pull/10458",
    ),
    Entry(
        "Q02", "The argument alone changes what callers see", NOTE, SILENT,
        "The upgrade succeeds with several arguments and leaves different values: an Init "
        "where an Upgrade was meant overwrites the configuration.",
        "The probes after the upgrade with each argument that succeeds.",
        "Check that each value listed is meant to change.",
        "https://github.com/dfinity/chain-fusion-signer/pull/539",
    ),
    Entry(
        "Q03", "The new module traps while it starts", FAILURE, OUTAGE,
        "start or post_upgrade traps on this state: the upgrade is rolled back as a whole.",
        "It is run on the real state, with the real argument.",
        "The backtrace says where; a state that cannot be decoded needs a migration.",
        "https://github.com/open-chat-labs/open-chat/issues/5023",
    ),
    Entry(
        "Q04", "post_upgrade uses up the instructions", FAILURE, OUTAGE,
        "What pre_upgrade left of the instruction limit is not enough for start and "
        "post_upgrade.",
        "Metered under the production limit; from half of it on, a warning. Then the upgrade is "
        "run once more, to name the functions that use most.",
        "Migrate lazily or in steps driven by a timer.",
        "https://github.com/dolr-ai/yral-backend-canister/issues/165",
    ),
    Entry(
        "Q05", "An update method traps that did not", FAILURE, OUTAGE,
        "State that only init set up is missing after an upgrade and is found missing on "
        "first use, days later.",
        "Every update method is called with () in a throw-away fork, before and after.",
        "Restore in post_upgrade what init creates.",
        "https://github.com/dfinity/papi/pull/231",
    ),
    Entry(
        "Q06", "Motoko's heap does not fit the new types", FAILURE, OUTAGE,
        "Enhanced orthogonal persistence keeps the heap, and its runtime refuses a module "
        "whose stable types cannot read what is in it: nothing is upgraded, nothing is lost.",
        "The upgrade is run on the real heap; the runtime says so itself.",
        "Write an explicit migration function: (with migration = func(old) { … }). S04 says "
        "which variable it is.",
        "https://github.com/dfinity/icskills/pull/318",
    ),
    Entry(
        "Q07", "The migration does not survive what may happen to it", FAILURE, SILENT,
        "Data that are migrated by timers or heartbeats after the upgrade are half done for a "
        "while. The migration may never end, or begin anew with the next upgrade.",
        "The plan's query is asked until it says that the migration is done; then, at 10, 50 and "
        "90 % of the way, the new module is upgraded to itself, rolled back by snapshot, and "
        "downgraded if the plan counts on that.",
        "Keep the progress in stable memory, set the timer in post_upgrade, and let each step "
        "know what is converted already.",
        "https://github.com/dfinity/internet-identity/pull/1044",
    ),
    Entry(
        "Q08", "The start uses a system call forbidden there", FAILURE, OUTAGE,
        "start and post_upgrade may not call other canisters, reply, or ask for what only a "
        "message has (start not even for the time): the upgrade is rolled back as a whole.",
        "It is run; the replica's text names the call.",
        "Move the call behind a timer: set one with zero delay in post_upgrade.",
        "https://internetcomputer.org/docs/references/ic-interface-spec/#system-api-imports",
    ),
    Entry(
        "L01", "A stable variable began anew", FAILURE, LOSS,
        "What stood in stable memory could not be read as the new type, or was not looked for, "
        "and the new version went on with what a new canister begins with.",
        "Motoko, classical persistence: what pre_upgrade writes is decoded before and after, and "
        "held against a canister just installed. Stable structures: entries by memory id.",
        "Write an explicit migration, or give the new type another name and convert.",
        "https://github.com/caffeinelabs/motoko/issues/2692",
    ),
    Entry(
        "L02", "Two structures share one stable memory", FAILURE, LOSS,
        "The same MemoryId was given to two structures: the second one to be used writes its "
        "header over the first one's, and whatever that held is lost.",
        "In a fork every update method of the new module is called with () and your traffic is "
        "run; a memory that then begins with another structure, or bounds, was written by two. "
        "Two of the same kind and bounds show as P08, given traffic that writes both.",
        "Give every structure an id of its own.",
        "https://github.com/dfinity/stable-structures/issues/264",
    ),
    Entry(
        "L03", "A stable memory changed hands", FAILURE, LOSS,
        "A memory id of the MemoryManager holds another kind of structure than before: ids "
        "were swapped or reused, and bytes are read as something else.",
        "Kind and version at the start of each id's memory before and after.",
        "Give every structure an id for life; never reuse one.",
        "https://github.com/dfinity/stable-structures/issues/439",
    ),
    Entry(
        "L04", "A MemoryManager took over raw stable memory", FAILURE, LOSS,
        "MemoryManager::init on memory that does not begin with MGR creates a new manager and "
        "overwrites the first bytes of what was there.",
        "The first page held other data before, and begins with MGR after the upgrade.",
        "Read the old bytes first, and only then initialise the manager.",
        "https://github.com/dfinity/ic/pull/746",
    ),
    Entry(
        "L05", "The MemoryManager's bucket size changed", FAILURE, LOSS,
        "Where a bucket lies follows from the bucket size; with another size every structure "
        "is read from the wrong place.",
        "The manager's header before and after.",
        "Keep the bucket size of the first release, or copy all data in a migration.",
        "https://github.com/dfinity/stable-structures/pull/394",
    ),
    Entry(
        "L06", "Stable memory grows with every upgrade", WARNING, OUTAGE,
        "Each upgrade takes more stable memory although there is no more data: a leak that "
        "ends at the limit and is paid for until then.",
        "The new module is upgraded to itself three times; stable memory grows each time.",
        "Reuse what the last upgrade wrote instead of growing.",
        "https://github.com/dfinity/internet-identity/pull/2440",
    ),
    Entry(
        "L07", "Old data stand behind a smaller structure", NOTE, SILENT,
        "A cell or vector became smaller, and what it held before is still there behind its end: "
        "readable in a snapshot, and by code that trusts another length.",
        "How far the data go according to the headers of stable-structures' cells and vectors, "
        "before and after; bytes in between that are the same and not zero.",
        "Overwrite what must not be kept, keys and personal data, before shortening it.",
        "https://github.com/dfinity/stable-structures/blob/main/src/cell.rs",
    ),
    Entry(
        "A01", "Timers are gone", FAILURE, SILENT,
        "Timers do not survive an upgrade. Unless post_upgrade sets them again, nothing "
        "periodic happens any more, without any error.",
        "Virtual time moves on, before and after: timers and heartbeats that ran, and failed.",
        "Set the timers in post_upgrade, too.",
        "https://forum.dfinity.org/t/motoko-timer-gets-cancelled-on-canister-upgrade/18620",
    ),
    Entry(
        "A02", "Certified data is not renewed", WARNING, SILENT,
        "The certified data of the old version outlive the upgrade, and the heap with the tree "
        "behind them may not: certificates are invalid until the next write.",
        "Unless a reply after the upgrade shows a tree that hashes to them, the upgrade is run "
        "from a state with marked certified data; the mark must be gone.",
        "Rebuild the tree and call certified_data_set in post_upgrade. No harm is done where "
        "the tree is made anew, from data that the upgrade keeps, for every certificate: a probe "
        "of such a certificate shows it.",
        "https://github.com/dfinity/ic/pull/4796",
    ),
    Entry(
        "A03", "Values differ after the upgrade", WARNING, LOSS,
        "A query answers differently than before the upgrade. Where a value became empty, "
        "zero or null, or a list became shorter, that is taken for data lost.",
        "Every query without arguments, and your probes, before and after, decoded as old "
        "clients do and compared value by value.",
        "Ignore what is meant to change (version numbers); find out about the rest.",
        "https://github.com/dfinity/ic/pull/399",
    ),
    Entry(
        "A04", "A query fails that did not", FAILURE, OUTAGE,
        "A query, or a probe of yours, answered before the upgrade and is rejected or traps "
        "after it.",
        "Every query without arguments, and your probes, before and after.",
        "The reject says why; a method that is gone on purpose belongs on the ignore list.",
        "https://github.com/dfinity/papi/pull/231",
    ),
    Entry(
        "A05", "The same query costs more", WARNING, OUTAGE,
        "A query needs a fifth more instructions than before, or more: it gets slower, and "
        "some day hits the limit.",
        "Instructions of each probe before and after.",
        "Look for a search where an index was.",
        "https://github.com/dfinity/canbench",
    ),
    Entry(
        "A06", "A method stays locked", FAILURE, OUTAGE,
        "A method locks itself, calls another canister and unlocks in the callback. Where the "
        "callback dies with the upgrade, the lock stays.",
        "A guarded method of the plan is called, the upgrade happens while its callee has not "
        "answered, the answer comes, and the method is called again; without the upgrade that "
        "works.",
        "Stop the canister before the upgrade, or clear all locks in post_upgrade.",
        "https://github.com/caffeinelabs/motoko/issues/2676",
    ),
    Entry(
        "A07", "An identity differs after the upgrade", FAILURE, LOSS,
        "A principal or key that a query tells is another one: what a canister derives from a "
        "salt or key of its own, its users' principals say, belongs to nobody any more.",
        "Answers of the probes marked as identities must not change at all. Elsewhere a changed "
        "principal is a warning, and a changed blob of 16 to 128 bytes if nothing else changed.",
        "Find out which seed, salt or id was not carried over; mark such a query with --identity.",
        "https://github.com/dfinity/internet-identity/pull/180",
    ),
    Entry(
        "A08", "A certified answer does not verify any more", FAILURE, OUTAGE,
        "The witness a canister adds to a certified answer does not hash to its certified data, "
        "or is missing: HTTP gateways refuse the page, and agents the value.",
        "Queries get a certificate as on the IC, but unsigned. The tree in IC-Certificate headers "
        "(of /, /index.html and a page that is not there) and in ICRC-3 tips is held against the "
        "certified data, before and after.",
        "Rebuild the tree in post_upgrade, and call certified_data_set with its root hash.",
        "https://github.com/dfinity/certified-assets/pull/86",
    ),
    Entry(
        "A09", "Canisters at mixed versions do not work together", FAILURE, OUTAGE,
        "A group is upgraded one canister after the other. In between, new versions call old "
        "ones and old ones new ones; what only works when all are new is an outage until then.",
        "After each step of a group the traffic of all its canisters runs in a fork, as it did "
        "right before the step: what was answered must be answered, and nothing be lost.",
        "Let the callee understand both formats first, and upgrade it before its callers.",
        "https://github.com/open-chat-labs/open-chat/pull/856",
    ),
    Entry(
        "R01", "The old module cannot take over again", WARNING, BRICK,
        "Installing the old module over the new state fails or loses data: after a bad "
        "release there is no way back by upgrading.",
        "The old module is installed over the upgraded state, and the probes are asked.",
        "Plan the way back by snapshot, and take one right before the upgrade.",
        "https://github.com/dfinity/internet-identity/pull/2274",
    ),
    Entry(
        "R02", "The rollback keeps the new version's timer", WARNING, SILENT,
        "Loading a snapshot taken from the canister leaves the global timer as it is: the old "
        "code is woken by a deadline it never set, or never again.",
        "Snapshot, upgrade, traffic, load, as a snapshot taken and as a copy uploaded again; then "
        "the timer against the snapshot's, and what runs by itself against what ran before.",
        "After the rollback, call a method that sets the timers anew; or load a copy that was "
        "downloaded and uploaded again, which brings the timer back.",
        "https://github.com/dfinity/ic/pull/6347",
    ),
    Entry(
        "R03", "A snapshot taken now has calls in flight", WARNING, LOSS,
        "The canister awaits replies. A snapshot keeps its memory and not its call contexts: "
        "after a rollback the replies are gone, or meet code that does not expect them.",
        "The start state's open call contexts.",
        "Stop the canister, take the snapshot, upgrade, start it again.",
        "https://github.com/dfinity/interface-spec/pull/259",
    ),
    Entry(
        "R04", "A rollback loses what came after the snapshot", NOTE, LOSS,
        "Writes between snapshot and rollback are gone; calls to other canisters stay done.",
        "Your traffic runs between upgrade and rollback; lost values and outgoing calls are "
        "listed.",
        "Keep the time between short, and know how to repeat what is lost.",
        "https://github.com/dfinity/interface-spec/pull/259",
    ),
    Entry(
        "R05", "The canister is left stopped", WARNING, OUTAGE,
        "An upgrade does not start a stopped canister; it takes no calls until somebody does.",
        "The canister's status at the start, and after the steps of the plan's runbook.",
        "End the runbook with start, and check the status.",
        "https://github.com/dfinity/developer-docs/pull/84",
    ),
    Entry(
        "R06", "The safety copy is not one", FAILURE, BRICK,
        "Snapshots of a canister go with it, with its cycles, and when there are too many. A copy "
        "that is missing, damaged or of another state brings nothing back.",
        "The plan's directory is read, its hashes are checked, and it is compared with the "
        "canister; a runbook takes a snapshot before it upgrades.",
        "Take a snapshot of the stopped canister right before the upgrade, and download it.",
        "https://github.com/dfinity/interface-spec/pull/259",
    ),
    Entry(
        "R08", "The safety copy cannot be loaded", FAILURE, OUTAGE,
        "The copy is in order, and uploading or loading it is refused: too many snapshots, too "
        "few cycles, or somebody who is no controller.",
        "It is uploaded and loaded as whoever upgrades.",
        "Do what the reject asks for, before the upgrade.",
        "https://github.com/dfinity/ic/pull/6592",
    ),
    Entry(
        "E01", "An answer is not the one the plan expects", FAILURE, SILENT,
        "The plan says what a probe, or a call of the traffic, must answer after the upgrade, and "
        "it answers something else.",
        "Values are compared as Candid values, patterns with the answer as Candid text.",
        "Find out which of the two is right, the canister or the plan.",
        "https://github.com/dfinity/ic/pull/399",
    ),
    Entry(
        "E02", "A budget of the plan is exceeded", FAILURE, OUTAGE,
        "The upgrade, one of its phases, or a call uses more than the plan allows.",
        "Instructions, cycles and growth of the memories against the plan's budgets and their "
        "tolerance. Where it is the upgrade's instructions, the functions that use most are named.",
        "Look for what became more expensive; raise the budget when that is meant.",
        "https://github.com/dfinity/canbench",
    ),
    Entry(
        "E03", "Something accepted is so no longer", WARNING, SILENT,
        "The plan accepts a finding until a day that has passed: from then on the finding "
        "counts again.",
        "The dates of the plan's accepted codes against today.",
        "Repair what was put off, or accept it anew with a reason.",
        "https://github.com/caffeinelabs/motoko/issues/3858",
    ),
)  # fmt: skip
# All findings by their codes, in the order of the stages.
REGISTRY: Final[Mapping[str, Entry]] = MappingProxyType({row.code: row for row in ROWS})


def finding(code: str, *facts: Fact, severity: Severity | None = None) -> Finding:
    """Return a finding with its evidence. severity: None is the registry's."""
    return made(REGISTRY[code], facts, severity)


def findings_of(
    code: str, facts: Iterable[Fact], severity: Severity | None = None
) -> list[Finding]:
    """Return one finding with all the facts; none when there are none."""
    listed = tuple(facts)
    return [made(REGISTRY[code], listed, severity)] if listed else []


def entry(code: str) -> Entry:
    """Return the row of a code, upper or lower case. Raises: UsageError."""
    found = REGISTRY.get(code.upper())
    if found is None:
        raise UsageError(f"there is no finding {code!r}; there are {', '.join(REGISTRY)}")
    return found
