// The contract as the clients see it, from the descriptors that `run` makes: no generated code to keep.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const set = fromBinary(FileDescriptorSetSchema, readFileSync(process.env.DESCRIPTORS));
const registry = createFileRegistry(set);

/** A service of the BFF by its short name. */
export const service = (name) => registry.getService(`messenger.bff.v1.${name}`);

/** A message by its full name, such as one of the details of an error. */
export const message = (name) => registry.getMessage(name);
