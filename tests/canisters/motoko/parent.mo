/// Creates canisters of an actor class, calls them one by one and at once, upgrades them.
import Array "mo:core/Array";
import Error "mo:core/Error";
import Principal "mo:core/Principal";
import Child "child";

persistent actor Parent {
  var children : [Child.Child] = [];

  /// Makes a child with `cycles` of its own money, the fee for creating it among them.
  public func spawn(start : Nat, cycles : Nat) : async Principal {
    let child = await (with cycles) Child.Child(start);
    children := children.concat([child]);
    Principal.fromActor(child);
  };

  public func add(index : Nat, amount : Nat) : async Text {
    try { debug_show (await children[index].add(amount)) } catch (e) { "caught: " # e.message() };
  };

  /// Asks all children at once and adds their answers up.
  public func sum() : async Nat {
    var asked : [async Nat] = [];
    for (child in children.values()) { asked := asked.concat([child.total()]) };
    var all = 0;
    for (answer in asked.values()) { all += await answer };
    all;
  };

  /// Upgrades a child to its own class: its sum stays.
  public func renew(index : Nat) : async () {
    ignore await (system Child.Child)(#upgrade(children[index]))(0);
  };
};
