/// An upgrade of `counter_v1` whose `postupgrade` writes and then traps: nothing may change.
import List "mo:core/List";
import Runtime "mo:core/Runtime";

persistent actor {
  var counter : Nat = 0;
  let noteList = List.empty<Text>();

  system func postupgrade() {
    counter := 999;
    noteList.add("written by a hook that trapped");
    Runtime.trap("postupgrade refuses");
  };

  public func inc() : async Nat { counter += 1; counter };
  public func add_note(note : Text) : async () { noteList.add(note) };

  public query func get() : async Nat { counter };
  public query func notes() : async [Text] { noteList.toArray() };
};
