/// Writes everything a message can write (heap, growth, stable memory, certified data, a timer),
/// and then replies, throws or traps: the first two commit, the last leaves no trace.
import CertifiedData "mo:core/CertifiedData";
import Error "mo:core/Error";
import List "mo:core/List";
import Nat "mo:core/Nat";
import Region "mo:core/Region";
import Runtime "mo:core/Runtime";
import Timer "mo:core/Timer";
import VarArray "mo:core/VarArray";

persistent actor {
  var writes : Nat = 0;
  var timerFired : Nat = 0;
  let blocks = List.empty<[var Nat]>();
  let region = Region.new();

  func write<system>(count : Nat) {
    for (_ in Nat.range(0, count)) {
      writes += 1;
      blocks.add(VarArray.repeat<Nat>(writes, 65_536));
      ignore region.grow(1);
      region.storeNat64(0, writes.toNat64());
    };
    CertifiedData.set("written");
    ignore Timer.setTimer<system>(#seconds 1, func() : async () { timerFired += 1 });
  };

  public func write_then_reply(count : Nat) : async () { write<system>(count) };

  public func write_then_throw(count : Nat) : async () {
    write<system>(count);
    throw Error.reject("after the writes");
  };

  public func write_then_trap(count : Nat) : async () {
    write<system>(count);
    Runtime.trap("after the writes");
  };

  public query func query_then_reply(count : Nat) : async Nat { writes += count; writes };

  public query func get() : async { writes : Nat; blocks : Nat; pages : Nat64; timer : Nat } {
    { writes; blocks = blocks.size(); pages = region.size(); timer = timerFired };
  };
};
