// A counter in JavaScript's own heap, lost by an upgrade, and a map in stable memory, which stays.
import { IDL, init, postUpgrade, query, StableBTreeMap, update } from 'azle';

export default class {
    counter: bigint = 0n;

    notes = new StableBTreeMap<string, string>(0);

    @init([IDL.Nat])
    init(start: bigint): void {
        this.counter = start;
    }

    @postUpgrade([IDL.Nat])
    postUpgrade(start: bigint): void {
        this.counter = start;
    }

    @update([], IDL.Nat)
    inc(): bigint {
        this.counter += 1n;
        return this.counter;
    }

    @query([], IDL.Nat)
    get(): bigint {
        return this.counter;
    }

    @update([IDL.Text, IDL.Text])
    set_note(key: string, text: string): void {
        this.notes.insert(key, text);
    }

    @update([IDL.Text, IDL.Text])
    set_note_then_throw(key: string, text: string): void {
        this.counter += 100n;
        this.notes.insert(key, text);
        throw new Error('after the note');
    }

    @query([IDL.Text], IDL.Opt(IDL.Text))
    note(key: string): [string] | [] {
        const text = this.notes.get(key);
        return text === undefined ? [] : [text];
    }
}
