/// Timers: one-shot, recurring, cancelled, and one whose handler traps.
import Array "mo:core/Array";
import Runtime "mo:core/Runtime";
import Timer "mo:core/Timer";

persistent actor {
  var fired : [Text] = [];
  transient var last : ?Timer.TimerId = null;

  func note(text : Text) { fired := fired.concat([text]) };

  public func once(seconds : Nat, name : Text) : async () {
    last := ?Timer.setTimer<system>(#seconds seconds, func() : async () { note(name) });
  };

  public func every(seconds : Nat, name : Text) : async () {
    last := ?Timer.recurringTimer<system>(#seconds seconds, func() : async () { note(name) });
  };

  public func once_trapping(seconds : Nat) : async () {
    last := ?Timer.setTimer<system>(
      #seconds seconds,
      func() : async () { note("lost"); Runtime.trap("in the timer") },
    );
  };

  /// Cancels the timer set last.
  public func cancel() : async () {
    switch last { case (?id) Timer.cancelTimer(id); case null {} };
  };

  public query func get() : async [Text] { fired };
};
