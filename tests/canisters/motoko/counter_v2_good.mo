/// A compatible upgrade of `counter_v1`: the counter becomes an Int, a field is added.
/// Both kinds of persistence keep the data; going back to `counter_v1` loses the counter.
import List "mo:core/List";

persistent actor {
  var counter : Int = 0;
  let noteList = List.empty<Text>();
  var step : Int = 1;

  public func inc() : async Int { counter += step; counter };
  public func set_step(by : Int) : async () { step := by };
  public func add_note(note : Text) : async () { noteList.add(note) };

  public query func get() : async Int { counter };
  public query func notes() : async [Text] { noteList.toArray() };
};
