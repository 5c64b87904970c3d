/** Every limit of the protocol, each with its reason. A change here is a change of the rules: two machines with different
 *  limits would disagree. What an operator may set stands in `infra/config.ts` and stays below these. */
export const LIMITS = {
  /** One signed reading: a year of half hours is 17,520 values of at most 3 bytes. */
  readingBytes: 64 * 1024,
  /** One record of `readings`: 1,000 hourly messages of 200 bytes, and room for a few large ones. */
  readingsRecordBytes: 256 * 1024,
  readingsPerRecord: 1_000,
  /** One block as a record of `chain`; a broker’s default for a fetch is 1 MiB, a topic’s is set by us. */
  blockBytes: 4 * 1024 * 1024,
  entriesPerBlock: 10_000,
  /** An enrolment event: 10,000 meters of some 100 bytes stay below 2 MiB. */
  metersPerEnrolment: 10_000,
  registryEventBytes: 2 * 1024 * 1024,
  /** A meter measures a handful of channels; 16 leaves room for all quadrants and phases. */
  profilesPerReading: 16,
  registersPerReading: 64,
  /** A year of quarter hours, the largest transfer that practitioners name. */
  valuesPerProfile: 35_040,
  /** A year. */
  stepSeconds: 366 * 86_400,
  scaler: 9,
  unit: 255,
  qualityCode: 255,
  /** 9999-12-31T23:59:59Z, beyond which databases and libraries disagree. */
  epochSeconds: 253_402_300_799,
  /** |n| <= 2^52 - 1: its zigzag form stays below 2^53, so a double carries both exactly. 4.5e15 Wh is the world’s use of weeks. */
  long: 4_503_599_627_370_495,
  /** Ids are keys of stores and of Kafka records. */
  idBytes: 64,
  textBytes: 1_024,
  tariffBytes: 256 * 1024,
  /** What practitioners name; a meter's tariff registers are 1.8.1 to 1.8.8. A signal names a zone by one digit. */
  tariffZones: 8,
  tariffRules: 64,
  /** Years of holidays in one document. */
  tariffHolidays: 400,
  /** A price, as its integer: a month's sums of products stay exact wherever integers of 128 bits or decimals are used. */
  tariffPrice: 1_000_000_000_000,
  /** Changes of a zone's offset: two a year for 250 years. */
  zoneTransitions: 500,
  authorities: 100,
  /** Weights are added and multiplied by 3 without leaving exact integers. */
  totalWeight: 1_000_000_000_000,
  lanes: 1_024,
  /** Open gaps of a meter that its state carries; beyond, the oldest is given up. */
  gapsPerMeter: 8,
  /** Candidates for one height that a reader keeps in mind, in equal shares of the authorities. */
  candidates: 1_000,
  /** How far a block’s date may be ahead of a voter’s clock, milliseconds. */
  sealedAheadMillis: 5_000,
  /** Bytes of a refused message that a rejection keeps. */
  rejectionBytes: 1_024,
} as const
