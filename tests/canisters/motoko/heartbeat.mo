/// Counts its heartbeats; can be told to trap in them.
import Runtime "mo:core/Runtime";

persistent actor {
  var beats : Nat = 0;
  var trapping : Bool = false;

  system func heartbeat() : async () {
    beats += 1;
    if (trapping) { Runtime.trap("heartbeat") };
  };

  public func set_trapping(on : Bool) : async () { trapping := on };
  public query func get() : async Nat { beats };
};
