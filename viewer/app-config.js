// How OHIF runs behind a drimbox: one contextual call, its own origin, nothing else.
//
// The page's address is /viewer/ohif/{context}/viewer?StudyInstanceUIDs=…; DICOMweb stands below the
// same context, so that OHIF sees the exams of that call's patient and of nobody else.
const root = location.pathname.split("/").slice(0, 4).join("/");

// French where nobody has chosen another language on this workstation.
if (!localStorage.getItem("i18nextLng")) localStorage.setItem("i18nextLng", "fr");

// One of OHIF's bundles wants Node's __filename where document.currentScript is null, which it is
// when the last file that it waited for is a style sheet; its page stayed empty then.
window.__filename = "";

window.config = {
  name: "drimbox",
  routerBasename: root,
  extensions: [],
  modes: [],
  customizationService: [{ "ohif.tours": { $set: [] } }],
  whiteLabeling: {
    createLogoComponentFn: (React) =>
      React.createElement(
        "span",
        { style: { color: "#ffe2a6", fontWeight: 600, fontSize: "14px" } },
        "Non destiné au diagnostic",
      ),
  },
  showStudyList: false,
  maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  showErrorDetails: "dev",
  strictZSpacingForVolumeViewport: true,
  investigationalUseDialog: { option: "never" },
  disableConfirmationPrompts: true,
  allowMultiSelectExport: false,
  maxNumRequests: { interaction: 20, thumbnail: 5, prefetch: 10 },
  defaultDataSourceName: "drimbox",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "drimbox",
      configuration: {
        friendlyName: "drimbox",
        name: "drimbox",
        qidoRoot: `${location.origin}${root}/dicom-web`,
        wadoRoot: `${location.origin}${root}/dicom-web`,
        wadoUriRoot: `${location.origin}${root}/dicom-web`,
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        supportsReject: false,
        supportsStow: false,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        omitQuotationForMultipartRequest: true,
        singlepart: "pdf,video",
        bulkDataURI: { enabled: true },
        dicomUploadEnabled: false,
      },
    },
  ],
  hotkeys: [],
};
