// Percentages as Envoy counts them.
import { create } from '#envoy/create.ts';
import { type FractionalPercent, FractionalPercent_DenominatorType, FractionalPercentSchema } from '#envoy/gen/envoy/type/v3/percent_pb.js';

/** `percent` is 0–100; four digits behind the point count. Source: Istio, translatePercentToFractionalPercent. */
export function fractionOf(percent: number): FractionalPercent {
  const { HUNDRED, MILLION } = FractionalPercent_DenominatorType;
  if (Number.isInteger(percent)) return create(FractionalPercentSchema, { numerator: percent, denominator: HUNDRED });
  return create(FractionalPercentSchema, { numerator: Math.trunc(percent * 10_000), denominator: MILLION });
}
