export {
  createPicker,
  type PickableEndpoint,
  type Picker,
  type PickerKind,
  type PickerOptions,
} from './picker.ts';
