/// Calls to itself and to the management canister: commit points, caught rejects, `finally`.
import Array "mo:core/Array";
import Error "mo:core/Error";
import Runtime "mo:core/Runtime";

persistent actor Self {
  var log : [Text] = [];
  var counter : Nat = 0;

  transient let management : actor { raw_rand : () -> async Blob } = actor "aaaaa-aa";

  func note(text : Text) { log := log.concat([text]) };

  public func inc() : async Nat { counter += 1; counter };

  /// Counts `depth` levels of calls to itself.
  public func nested(depth : Nat) : async Nat {
    if (depth == 0) { 0 } else { 1 + (await Self.nested(depth - 1)) };
  };

  /// Adds 1, awaits (which commits), adds 100 and traps (which undoes the 100 only).
  public func trap_after_await() : async () {
    counter += 1;
    ignore await Self.inc();
    counter += 100;
    Runtime.trap("after the await");
  };

  public func refuse(reason : Text) : async () { throw Error.reject(reason) };

  /// The reject's message, as the caller's `catch` sees it.
  public func caught(reason : Text) : async Text {
    try { await Self.refuse(reason); "no reject" } catch (e) { e.message() } finally {
      note("finally after " # reason);
    };
  };

  /// Traps in the callback; only `finally`, run by the cleanup callback, leaves a trace.
  public func trap_with_finally() : async () {
    try {
      ignore await Self.inc();
      note("lost");
      Runtime.trap("in the callback");
    } finally { note("cleanup") };
  };

  public func random() : async Blob { await management.raw_rand() };

  public query func get() : async Nat { counter };
  public query func get_log() : async [Text] { log };
};
